"""Generations: what is published, kept, fetched and gone back to."""
