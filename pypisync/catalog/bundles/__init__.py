"""What of the catalog goes into a bundle, and how it comes out of one.

- ``slices``: the tables that go along, in slices with digests, so that a delta is found
- ``listing``: which pages and files differ between a generation and the newest
- ``inventory``: what is in a bundle, for whoever has to approve it
- ``row_rules``: what values in rows of a bundle have to look like
- ``import_rows``: rows and pages of a bundle become those of this mirror
- ``fed``: what a mirror remembers of the bundle that it took in last

Imported by ``cycle`` and ``cli``. It stands above all other rooms of the catalog.
"""
