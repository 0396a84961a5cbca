"""What the mirror's own journal says of a page that changed, and with which serials.

Mirrors of this mirror follow the journal as they follow PyPI's: its rows have PyPI's actions
(warehouse, ``JournalEntry``), and each row has a serial of its own. Upstream's serials would not
do: pages also change by the configuration, by what is held and by a rollback.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.publish.pages import Page, PageFile

QUARANTINED = "quarantined"
# Serials are seconds since 2020, UTC, as far as the rows are no more than that. So a mirror whose
# database is older than what it told (a backup, or a new one) goes on above it, and serials stay
# above all of PyPI's and within 32 bits, beyond which few XML-RPC clients count.
_BEGINNING = 1_577_836_800


class Entry(Struct, frozen=True):
    """One row of the journal without its serial."""

    name: str  # of the project, normalised
    version: str | None
    action: str


def first_serial(last: int, now: float, count: int) -> int:
    """Returns the serial of the first of ``count`` rows; ``last``: the newest that was told.

    ``now`` is in seconds since 1970.
    """
    return max(last, int(now) - _BEGINNING - count) + 1


def entries(name: str, had: Page | None, has: Page | None) -> list[Entry]:
    """Returns what to say of a project whose page differs; at least one row.

    What is on a page that comes is not said file by file: whoever hears of it reads the page.
    """
    if has is None:
        return [Entry(name, None, "remove project")]
    if had is None:
        return [Entry(name, None, "create"), *_status(name, "active", None, has)]
    return [
        *_status(name, had.status, had.status_reason, has),
        *_files(name, had.files, has.files),
    ]


def _status(name: str, before: str, reason: str | None, page: Page) -> Iterator[Entry]:
    if (page.status, page.status_reason) == (before, reason):
        return
    if page.status == QUARANTINED:
        yield Entry(name, None, "project quarantined")
    elif before == QUARANTINED:
        yield Entry(name, None, "project quarantine cleared")
    else:  # PyPI has no row for the other states
        yield Entry(name, None, f"project {page.status}")


def _files(name: str, before: Collection[PageFile], after: Collection[PageFile]) -> Iterator[Entry]:
    """Yields the rows of the files that came, went and changed."""
    had = {file.filename: file for file in before}
    has = {file.filename: file for file in after}
    old = {file.version for file in before}
    new = {file.version for file in after}
    for version in sorted(old - new):
        yield Entry(name, version, "remove release")
    for filename in sorted(had):
        file, now = had[filename], has.get(filename)
        if file.version in new and (now is None or _differs(file, now)):
            yield Entry(name, file.version, f"remove file {filename}")
    for version in sorted(new - old):
        yield Entry(name, version, "new release")
    for filename in sorted(has):
        file, was = has[filename], had.get(filename)
        if was is None or not _only_yanked(was, file):
            yield Entry(name, file.version, f"add {python_tag(filename)} file {filename}")
    yield from _yanks(name, had, has)


def _yanks(name: str, had: dict[str, PageFile], has: dict[str, PageFile]) -> Iterator[Entry]:
    """Yields a row for each release that was yanked, or is not any more."""
    said: dict[tuple[str, str], None] = {}
    for filename in sorted(had.keys() & has.keys()):
        was, file = had[filename].yanked, has[filename].yanked
        if was != file:
            word = "unyank release" if file is None else "yank release"
            said[has[filename].version, word] = None
    for version, word in said:
        yield Entry(name, version, word)


def _differs(was: PageFile, file: PageFile) -> bool:
    """Returns whether a name stands for other bytes."""
    return (was.sha256, was.version) != (file.sha256, file.version)


def _only_yanked(was: PageFile, file: PageFile) -> bool:
    """Returns whether files of one name differ in nothing but that they are yanked."""
    return replace(was, yanked=file.yanked) == file


def python_tag(filename: str) -> str:
    """Returns the Python tag of a wheel as the journal has it; "source" for an sdist."""
    return filename.split("-")[-3] if filename.endswith(".whl") else "source"
