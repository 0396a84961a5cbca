"""Proofs on record.

- ``verdicts``: verdicts and pins, and which proofs have to be made anew
- ``index``: what upstream offers, which proofs are made over
- ``publication``: which verdicts are on the pages, and what the others wait for
- ``history``: which verdicts the generations were published with

Imported by ``publication``, ``bundles`` and ``cycle``.
"""
