"""One cycle, from the changelog to the published pages, and the slow rounds beside it.

``sync`` reads from top to bottom; its steps:

- ``listen``, with ``feeds``, ``poll``, ``quarantine`` and ``vanishing``: what changed upstream and
  in the configuration, and what of it is believed
- ``settle``, with ``learning``, ``learn``, ``read_requirements``, ``vulnerabilities`` and ``prove``
  (``provers``): what a decision lacks is asked for, until nothing is
- ``incoming``, with ``far_stream``, ``fetch_ahead``, ``whole_wheels`` and ``look``: documents and
  files as they come
- ``limits``, ``removals``, ``dropped``: what a slip in the configuration may not do
- ``publish``: the pages come onto the disk, each true at every moment
- ``rollback``, ``work``, ``verify``, ``repair``, ``maintenance``: operators' orders; slow rounds
- ``export``, ``open_bundles``, ``import_bundle``, ``one_way``: what another mirror needs, written
  and imported
- ``mirror``: the parts that all of these work on, as one value

Imported by ``cli``, ``daemon``, ``logs`` and ``wiring``. It imports the catalog, the upstream and
the storage, and joins them: they do not know each other.
"""
