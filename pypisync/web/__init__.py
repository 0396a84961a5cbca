"""HTTP: the index and its files, and how the mirror is, for clients and for monitoring.

- ``workers``, ``worker``, ``task``, ``counts``, ``sockets``: the serving processes
- ``protocol``, ``crowd``, ``sending``: HTTP/1.1 on one connection, within limits
- ``app``, ``pages``, ``generations``, ``files``: what is at which URL; ``negotiation``,
  ``response``: headers in, responses out
- ``health``, ``metrics``: how the mirror is
- ``browse``: pages for people

Imported by ``cli``. It reads the tree and the database, and writes neither.
"""
