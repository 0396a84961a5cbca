"""The database itself.

- ``columns``, ``schema``, ``schema_proofs``, ``views``, ``origins``: tables, and stable SQL views
- ``engine``, ``url``, ``transactions``, ``leader``: connections, and the one writer
- ``migrate``: the schema's revision
- ``reader``: read-only SQL for quick commands, without SQLAlchemy
- ``sql``, ``projects``, ``pool``, ``setting_names``: what all rooms need: batches, ids, projects by
  name, stored files, settings

All rooms of the catalog may import it, and what uses the catalog; only the catalog imports the
tables.
"""
