"""Decisions: which releases are selected.

- ``roots``: the roots as rows: the configuration's, those that keep what is published,
  those of proofs
- ``decide``, with ``read``: changed facts are followed through ``core.closure``
- ``decide_full``: the same from nothing

Imported by ``cycle``. A decision is a function of facts and roots.
"""
