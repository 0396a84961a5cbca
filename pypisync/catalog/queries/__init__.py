"""Queries for operators, read-only, through ``db.reader`` and without SQLAlchemy.

- ``status``, ``proofs``, ``generations``: the mirror's state, its verdicts, its generations
- ``why``, ``why_not``, ``graph``: why a release is in the mirror or not; the selection as a graph
- ``projects``, ``listings``, ``problems``: the pages for people
- ``listed_index``: what the pages list now, for ``prove``

Imported by ``cli``, ``web`` and ``status``. It imports only ``db`` of the catalog.
"""
