"""Pages for people who look at what the mirror holds: HTML by Jinja2, read-only, without scripts.

- ``site``: which URL is which page, and the headers of all of them
- ``overview``, ``projects``, ``history``: what the pages say; ``setup``: how clients are set up
- ``render``, ``units``, ``drawing``, ``visitor``: templates, times, plots, the client's address
- ``templates``, ``static``: package data

Imported by ``web.worker`` alone. What comes from upstream is hostile: templates escape everything.
"""
