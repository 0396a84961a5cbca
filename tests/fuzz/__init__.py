"""Hostile bytes for every parser of foreign bytes: ``python -m tests.fuzz TARGET --seconds N``.

``documents``, ``files`` and ``texts`` hold the properties, one a target; ``targets`` names them.
What was found is kept small in ``corpus`` and replayed by ``test_corpus``.
"""
