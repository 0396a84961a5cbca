"""One cycle, from the changelog to the published pages, and the slow rounds beside it.

``sync`` reads from top to bottom; its steps:

- ``listen``, with ``feeds`` and ``poll``: what changed upstream and in the
  configuration
- ``settle``, with ``learn``, ``vulnerabilities`` and ``prove``: what a decision lacks is asked for,
  until nothing is
- ``publish``: the pages come onto the disk, each true at every moment
- ``rollback``, ``maintenance``: operators' orders; slow rounds
- ``export``, ``import_bundle``, ``one_way``: what another mirror needs, written and taken in
- ``mirror``: the parts that all of these work on, as one value

Imported by ``cli``, ``daemon``, ``logs`` and ``wiring``. It imports the catalog, the upstream and
the storage, and joins them: they do not know each other.
"""
