"""One cycle, from the changelog to the published pages, and the slow rounds beside it."""
