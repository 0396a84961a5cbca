"""What a bundle is: what one mirror writes for another that reaches no index.

- ``manifest``: the manifest, the lists of contents and the report, as checked values and as bytes
- ``pieces``: files that no part can hold
- ``signatures``, by way of ``ed25519_library``: who has signed a manifest
- ``succession``: whether a bundle is the next one for a mirror

Imported by ``catalog``, ``storage``, ``cycle``, ``wiring`` and ``cli``. It imports only ``errors``.
"""
