"""PyPI, as a client sees it: the changelog, project documents, metadata and files.

- ``api``: the protocol; ``client``, ``indexes``, ``folder``: an index over HTTP, several, a folder
- ``ladder``, with ``changelog`` and ``serials``: the best feed of changes that works
- ``projects``, with ``documents``, ``html_pages``, ``file_entries``: documents as checked values
- ``stream``, ``lanes``, ``download``, ``ranges``: many asks at a time; files, parts of them
- ``twins``, with ``learnt``: the same upstream in another process
- ``session``, with ``routes``, ``connections``, ``manners``, ``credentials``: requests

Imported by ``cli``, ``config``, ``cycle``, ``wiring`` and ``wiring_upstream``. It knows no database
and no folder of the mirror.
"""
