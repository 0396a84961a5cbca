"""The tree on disk.

- ``disk``, ``pool``, ``tree``: the few ways of writing; downloads that become files; index pages
- ``lock``, ``orders``: one writer at a time; what others want of it
- ``parts``, ``exports``, ``spool``, ``keys``: bundles on their media; what was exported; keys
- ``archives``: what a wheel or sdist says about itself; nothing is written or run
- ``check``: whether the disk holds what it should

Imported by ``cli``, ``cycle``, ``daemon``, ``status``, ``web``, ``wiring`` and ``wiring_upstream``.
It knows no database and no upstream.
"""
