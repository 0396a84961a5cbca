"""What may be published when, and the bytes of it.

- ``holdback``: what is held because something that it needs is not stored yet; the order of pages
- ``pages``: the bytes of index pages, HTML and JSON

Imported by ``catalog``, ``cycle``, ``storage`` and ``web``. It knows neither closure nor proofs.
"""
