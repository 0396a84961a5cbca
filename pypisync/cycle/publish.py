"""How a generation's pages get on the disk, one after the other, each true at every moment.

First come the pages with what is new, dependencies first, which still list what is to go; then the
list of projects; then the pages without what is to go, dependents first. So at every moment,
whatever is listed has its dependencies listed as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.catalog.publication import generations, needs
from pypisync.catalog.publication.checks import whole_pages
from pypisync.core.publish.holdback import dependencies_first
from pypisync.core.publish.pages import FORM, Page, PageFile
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.wheel_contents import is_wheel
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.prepare_pages import preparer
from pypisync.errors import Malformed, StorageError

# Pages that are synced to the disk together.
_PAGES = 1000
_WORTH = 500  # pages that must be new for processes to be worth what it takes to tell them
_PATIENCE = 300.0  # seconds that a process may take for one page
_METADATA_LIMIT = 10 * 2**20  # bytes
_FORM = "form of pages"  # a setting

Files = Mapping[str, Sequence[PageFile]]  # by project


def write_generation(mirror: Mirror, number: int) -> int:
    """Write the pages that differ in the newest generation. Returns how many files changed."""
    with mirror.catalog.begin() as connection:
        newest = generations.newest(connection)
        names = sorted(generations.changed_names(connection, number))
        serials = generations.page_serials(connection, names)
        going = _all_going(connection, names, number)
        order = dependencies_first(names, _needs_between(mirror, connection, names, newest))
        leaving = dependencies_first(
            (name for name in names if name not in serials or name in going),
            _needs(mirror, connection, going),
        )
    mirror.watch.step("pages", len(order))
    written = 0
    pages: dict[str, Page] = {}
    for batch in _batched(order, _PAGES):  # the files of all of them would fill the memory
        pages = _read_pages(mirror, batch)
        first = [_first(pages[name], going.get(name, ())) for name in batch if name in pages]
        prepared = _prepared(mirror, first)
        with mirror.tree.batch():
            for page in first:
                there = page.name in prepared
                written += mirror.tree.show(page.name) if there else mirror.tree.write_page(page)
                _link(mirror, pages[page.name].files)
        mirror.watch.advance(len(batch))
    mirror.tree.flush()
    written += _write_root(mirror, newest, {name: serials.get(name) for name in names})
    for batch in _batched(leaving[::-1], _PAGES):
        if len(order) > _PAGES:  # else they are all those that were written
            pages = _read_pages(mirror, batch)
        with mirror.tree.batch():
            for name in batch:
                written += _without_what_goes(mirror, name, pages.get(name))
        for name in batch:
            for file in going.get(name, ()):
                mirror.tree.unlink(file.filename)
    mirror.tree.flush()
    with mirror.catalog.begin() as connection:
        generations.complete(connection, number)
    return written


def _read_pages(mirror: Mirror, names: Sequence[str]) -> dict[str, Page]:
    with mirror.catalog.begin() as connection:
        return {page.name: page for page in whole_pages(connection, names)}


def _prepared(mirror: Mirror, pages: Sequence[Page]) -> set[str]:
    """Have the processes write pages that are not there yet, if there are many.

    Returns the projects whose pages only have to be shown.
    """
    fresh = [page for page in pages if mirror.tree.lacks(page.name)]
    if mirror.processes.number == 1 or len(fresh) < _WORTH:
        return set()
    found = mirror.processes.run(
        preparer, (mirror.tree.root,), fresh, check=_goes_on, patience=_PATIENCE
    )
    return {page.name for page, done in found if done}


def _goes_on() -> None:
    """A generation that is on record is written to its end."""


def _without_what_goes(mirror: Mirror, name: str, page: Page | None) -> int:
    """Write a page with its new files alone, or remove it. Returns how many files changed."""
    if page is None:
        mirror.tree.remove_page(name)
        return 0
    return mirror.tree.write_page(page)


def _all_going(connection: Transaction, names: Sequence[str], number: int) -> Files:
    """Returns the files that go from pages, of the projects where any does."""
    old = generations.old_files(connection, names, number - 1)
    new = generations.current_files(connection, old)
    going = {name: _going(files, new.get(name, [])) for name, files in old.items()}
    return {name: files for name, files in going.items() if files}


def _needs_between(
    mirror: Mirror, connection: Transaction, names: list[str], newest: Any
) -> dict[str, set[str]]:
    """Returns which of these projects, whose pages differ, need which."""
    if newest.repeats is None:
        return needs.needs_between(connection, names)
    found: dict[str, set[str]] = {}
    for batch in _batched(names, _PAGES):
        found |= _needs(mirror, connection, generations.current_files(connection, batch))
    return found


def is_outdated(connection: Transaction) -> bool:
    """Returns whether a version wrote the pages that gave the same pages other bytes."""
    return pending.setting(connection, _FORM) != FORM


def renew(mirror: Mirror) -> int:
    """Write all pages anew, as this version does. Returns how many files changed."""
    with mirror.catalog.begin() as connection:
        names = [name for name, _ in generations.index(connection)]
    written = rewrite(mirror, names)
    with mirror.catalog.begin() as connection:
        pending.set_setting(connection, _FORM, FORM)
    return written


def rewrite(mirror: Mirror, names: Sequence[str]) -> int:
    """Make the pages of these projects, and the list of all, those of the newest generation.

    A project that it does not list is passed over. Returns how many files changed. Raises
    StorageError.
    """
    written = 0
    for batch in _batched(list(names), _PAGES):
        with mirror.catalog.begin() as connection:
            pages = whole_pages(connection, batch)
        written += sum(mirror.tree.write_page(page) for page in pages)
    with mirror.catalog.begin() as connection:
        index = generations.index(connection)
        number, serial, _ = generations.generation(connection)
    if number:
        written += mirror.tree.write_root(index, serial)
    mirror.tree.flush()
    return written


def _write_root(mirror: Mirror, newest: Any, changed: Mapping[str, int | None]) -> int:
    """Write the list of all projects. Returns how many files changed.

    ``changed`` has the serials of pages that differ; None: the project is gone.

    The list may be long, and mostly only serials change. So they are replaced in the existing list,
    and the whole list is written only if its names differ.
    """
    serials = {name: own for name, own in changed.items() if own is not None}
    if len(serials) == len(changed):
        written = mirror.tree.change_root(serials, newest.last_serial, newest.projects)
        if written is not None:
            return written
    with mirror.catalog.begin() as connection:
        index = generations.index(connection)
    return mirror.tree.write_root(index, newest.last_serial)


def _needs(mirror: Mirror, connection: Transaction, listed: Files) -> dict[str, set[str]]:
    """Returns the projects that the files need, by known facts, else by their own METADATA.

    The selection does not have the needs of files that it does not call for. Extras are left out:
    they would make cycles, in which there is no order.
    """
    from pypisync.core.environments.marker_masks import needs_no_extra  # it is not free

    known = needs.needs_of(connection, listed, needs_no_extra)
    found: dict[str, set[str]] = {}
    for name, files in listed.items():
        used = found.setdefault(name, set())
        # Files of one release may need different things.
        by_word = {(file.version, file.metadata_sha256 or file.path): file for file in files}
        for file in by_word.values():
            if (name, file.version) in known:
                used |= known[name, file.version]
            elif is_wheel(file.path):
                used |= _read(mirror, file)
    return found


def _read(mirror: Mirror, file: PageFile) -> set[str]:
    """Returns the projects that a wheel needs, as its .metadata says, or what is inside."""
    from pypisync.core.environments.marker_masks import needs_no_extra
    from pypisync.core.standards import (
        metadata,  # seldom needed, and not free
        requirements,
    )
    from pypisync.storage import archives

    with suppress(Malformed, StorageError, ValueError):
        if file.metadata_sha256:
            data = mirror.pool.read(file.path + METADATA, _METADATA_LIMIT)
        else:
            data = archives.wheel_metadata(mirror.pool.absolute(file.path))
        lines = map(requirements.parse, metadata.read_metadata(data).requires)
        return {line.name for line in lines if line.name and needs_no_extra(line.marker)}
    return set()


def _batched(names: list[str], size: int) -> Iterator[list[str]]:
    """Yields ``names`` in lists of at most ``size``, in their order."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _going(old: list[PageFile], new: list[PageFile]) -> list[PageFile]:
    stays = {file.filename for file in new}
    return [file for file in old if file.filename not in stays]


def _first(page: Page, going: Sequence[PageFile]) -> Page:
    """Returns the page as it is written first, while it still lists what is to go.

    Its serial is too low then, so that no follower takes it for the page that the journal tells of.
    """
    serial = page.serial - bool(going)
    return replace(page, serial=serial, files=(*page.files, *going))


def _link(mirror: Mirror, files: Iterable[PageFile]) -> None:
    for file in files:
        mirror.tree.link(file.path)
