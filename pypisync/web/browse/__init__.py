"""Pages for people who look at what the mirror holds: HTML by Jinja2, read-only, without scripts.

- ``site``: which URL is which page, the headers of all of them, and whom they are for
- ``overview``, ``projects``, ``history``: what the pages say
- ``render``, ``units``, ``drawing``, ``paging``: templates, times, plots, long lists as pages
- ``templates``, ``static``: package data

Imported by ``app`` and ``worker``. What comes from upstream is hostile: templates escape
everything.
"""
