"""The order of publication, and the bytes of index pages."""
