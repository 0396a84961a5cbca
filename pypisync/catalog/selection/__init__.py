"""Decisions: which releases are selected, read and written."""
