"""HTTP: the index and its files, and how the mirror is, for clients and for monitoring."""
