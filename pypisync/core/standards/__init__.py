"""What the packaging standards define, and nothing of PypiSync.

- ``model``: projects, releases, files and requirements as frozen values
- ``versions``, ``specifiers``: PEP 440 as bytes that sort, and as intervals of them
- ``requirements``, ``marker_syntax``: PEP 508
- ``metadata``: core metadata and the build requirements of ``pyproject.toml``
- ``filenames``: wheels and sdists by name, and their path in the pool

Every room may import it; it imports no other room of the core.
"""
