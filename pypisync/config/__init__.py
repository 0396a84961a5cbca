"""The configuration: its file, its keys, and the files that it names."""
