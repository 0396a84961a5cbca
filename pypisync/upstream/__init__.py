"""PyPI, as a client sees it: the changelog, project documents, metadata and files."""
