"""Proofs on record, the index that they are made over, and their history."""
