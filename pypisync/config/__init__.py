"""The configuration.

- ``load``: the file, checked as a whole: every fault at once, with its place
- ``schema``: its keys, and what is allowed in each
- ``positions``: line and column of every key of a JSON5 text
- ``requirement_files``: opens the files that ``requirements`` names

Imported by ``cli``, ``daemon``, ``web``, ``wiring`` and ``wiring_upstream``; the last two turn it
into a mirror: the cycle does not know the configuration.
"""
