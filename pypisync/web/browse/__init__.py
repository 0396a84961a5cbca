"""Pages for people who look at what the mirror holds: HTML by Jinja2, read-only, without scripts.

- ``site``: which URL is which page, and the headers of all of them
- ``overview``, ``projects``, ``history``: what the pages say; ``setup``: how clients are set up
- ``render``, ``drawing``, ``visitor``: templates, plots and graphs, the address that a client sees
- ``templates``, ``static``: package data

Imported by ``web.server`` alone. What comes from upstream is hostile: templates escape everything.
"""
