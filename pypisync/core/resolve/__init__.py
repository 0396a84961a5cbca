"""Proofs: whether a root can be installed, with which pins, or why not."""
