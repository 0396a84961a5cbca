"""Drawn indexes held against real pip and real uv: ``python -m tests.differential``.

Each draw is a small index of one kind:

- ``oddities``: in METADATA, in a wheel, in the entries of a page, in requirements and markers
- ``graphs``: projects whose bounds conflict; several roots that share them, groups with constraints
- ``machines``: wheels and markers for other platforms and Pythons, which uv resolves for
- ``builds``: sdists, and what they need to be built

Real pip and real uv install its roots and groups from there, a mirror is made of it, and they
install them from the mirror. Two things must hold:

- what a client installs from upstream, the same it installs from the mirror
- what is proven installs for both, with the pins on record; what is refuted installs for neither;
  what is blocked does not install for both, and if one finds an installation, it does install it

What is not drawn, or not compared, differs for a reason:

- ``"yanked": ""`` is yanked to uv and not to pip. The standard (PEP 691) wants a text that is not
  empty, so the mirror says what pip does, and both install the release from there.
- A filename that is not the end of its URL: pip goes by the URL, uv and the mirror by the filename.
- A wrong size: both clients ignore it. The mirror holds the release with that reason, for sizes
  limit what a download may take. PyPI measures sizes itself. It holds a wrong hash as well, also
  of a release that clients pass over before they fetch it.
- METADATA that is packed by bzip2 or LZMA, with none beside it. pip unpacks it; the mirror does
  not, for one block can come to gigabytes, and says "blocked".
- Members that are stored with their sizes behind them, and no METADATA beside the wheel: uv cannot
  read them as they come, and the server here, unlike the one upstream, gives no parts.
- METADATA of another project that asks for another release of itself: uv stops at the name, and its
  rehearsal passes over the release.
- ``platform_release`` and ``platform_version``, which are another text on each machine.
- Patch levels of Python: proofs are made for the newest one of each minor version.
"""
