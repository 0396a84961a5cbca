"""The tree on disk: the pool of files and the published index."""
