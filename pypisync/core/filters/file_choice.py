"""Which file of a release an installer takes on a machine, and whose METADATA it reads.

Of METADATA only counts here whether it is of the release: an installer reads the rest when it has
chosen.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from pypisync.core.standards.requires_python import Installer


class Weighed(Struct, frozen=True):
    """A file as an installer sees it on one machine."""

    rank: int | None  # how good its tags are, 0 the best; None: it is a wheel that does not fit
    near: int  # how near the tags of a wheel come to the machine; -1 of an sdist
    yanked: bool
    foreign: bool  # METADATA is of another project or version
    python: bool  # the page admits the machine's Python
    build: tuple[Any, ...]  # the build tag, see filenames.build_tag
    reason: bool = False  # its yank states one


def chosen(files: Sequence[Weighed], by: Installer) -> int | None:
    """Returns the place of the file that the installer takes; None if it takes none.

    The files are those that the installer lists, sorted by name as on the mirror's pages. A yanked
    file comes after all others; then tags and build tags decide. Of files that are equally good pip
    takes the last one on the page (``PackageFinder``: its candidates are reversed), uv the first by
    name (``prioritized_distribution.rs``). uv looks at the Python that a file wants when it has
    chosen, and passes over the whole release if it is another one (``resolver/mod.rs``). pip goes
    on to the next file where METADATA is foreign, but takes no yanked one beside one that is not.
    """
    there = [i for i, file in enumerate(files) if file.rank is not None]
    if by == "pip":
        there = [i for i in reversed(there) if files[i].python]
        sound = any(not files[i].yanked for i in there)
        there = [i for i in there if not (files[i].foreign or (sound and files[i].yanked))]
    return max(
        there,
        key=lambda i: (not files[i].yanked, -(files[i].rank or 0), files[i].build),
        default=None,
    )


def told(files: Sequence[Weighed], taken: int, by: Installer) -> int:
    """Returns the place of the file whose METADATA tells the installer what ``taken`` requires.

    Where uv builds an sdist, that is the wheel that comes nearest to the machine, if there is one:
    one that does not fit, or else one that is yanked (``prioritized_distribution.rs``:
    ``IncompatibleWheel``): of several the first whose yank states no reason, else the last.
    """
    if by == "pip" or files[taken].near >= 0:
        return taken
    wheels = [i for i, file in enumerate(files) if file.near >= 0]
    passed = files[taken].yanked  # then yanked files are as good as others

    misfits = [i for i in wheels if passed or not files[i].yanked]
    if wheels and not misfits:
        return next((i for i in wheels if not files[i].reason), wheels[-1])
    return max(misfits, key=lambda i: files[i].near, default=taken)
