"""Read-only answers for operators, through the reader."""
