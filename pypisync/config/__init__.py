"""The configuration.

- ``load``: the file, checked as a whole: every fault at once, with its place
- ``schema``: its keys, and what is allowed in each
- ``positions``: line and column of every key of a JSON5 text
- ``requirement_files``: opens the files that ``requirements`` names

Imported by ``cli``, ``daemon``, ``web`` and ``wiring``, which alone turns it into a mirror: the
cycle does not know the configuration.
"""
