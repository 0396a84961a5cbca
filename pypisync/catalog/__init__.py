"""The database: facts about upstream, decisions about the mirror, and its history.

The only room that knows SQL. From below to above:

- ``db``: tables, connections, transactions, migrations, views
- ``facts``, ``proofs``, ``queries``: what upstream says; verdicts; queries of operators
- ``selection``: which releases are selected
- ``publication``: generations, files to fetch, retention, rollback
- ``bundles``: what of it goes into bundles, and comes out of them

Imported by ``cli``, ``config``, ``cycle``, ``daemon``, ``status``, ``web`` and ``wiring``. It
imports ``core`` and ``errors``.
"""
