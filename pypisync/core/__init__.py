"""The pure core: values in, values out; no I/O, no clock, no threads, no SQL.

It decides; everything is a function of its arguments. From below to above:

- ``values``, ``display``, ``budget``: texts as values and back; what a search may cost
- ``standards``: what the packaging standards define
- ``environments``: the environments served, as masks and as concrete machines
- ``filters``, ``wanted``: which files are kept; what the operator wants
- ``closure``: all that the roots need
- ``resolve``: proofs that a root can be installed, or why it cannot
- ``publish``: what may be listed when, and the pages' bytes
- ``bundles``: what a bundle is

Everybody may import it; it imports only ``errors``. A room imports only those below it.
"""
