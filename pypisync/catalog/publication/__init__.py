"""Generations: what is published, kept, fetched and gone back to.

- ``assemble``, ``plan``: the next generation's pages; what a cycle would change
- ``missing_files``: which files the pool lacks
- ``needs``: who needs whom, for the order in which pages are written
- ``unread``: which releases depend on facts that are not known yet
- ``generations``: what the generations list
- ``retention``, ``rollback``: which are kept; going back to one
- ``checks``: what the disk should hold
- ``runs``: the record of runs

Imported by ``bundles``, ``cycle``, ``daemon`` and ``cli``. It stands above ``selection``.
"""
