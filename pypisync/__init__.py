"""PypiSync keeps a dependency-consistent partial mirror of PyPI.

One whole cycle reads from top to bottom in :mod:`pypisync.cycle.sync`; the map of the rooms is
``ARCHITECTURE.md`` beside this file.
"""
