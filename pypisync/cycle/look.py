"""Looks into wheels of the pool, for what stops an installer."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from pypisync.catalog.facts import insides
from pypisync.catalog.facts.insides import Looked
from pypisync.core.standards.requires_python import Installer
from pypisync.core.standards.wheel_contents import is_wheel
from pypisync.cycle.mirror import METADATA_LIMIT, Mirror
from pypisync.storage.wheels import looks

_RECORD = 500  # wheels that are recorded together
_TRIED = 100  # wheels after which it is known what one takes
_WORTH = 1.0  # seconds that must be left for processes to be worth their start
_PATIENCE = 300.0  # seconds that a process may take for one wheel


def look_at(mirror: Mirror, paths: Sequence[str]) -> bool:
    """Look into those of these files that are wheels, as a step of the cycle, and record it.

    Returns and raises as :func:`look_into`.
    """
    mirror.watch.step("wheels", len(paths))
    return look_into(mirror, paths, mirror.watch.advance)


def look_into(
    mirror: Mirror, paths: Sequence[str], advance: Callable[[int], object] = lambda _: None
) -> bool:
    """Look into those of these files that are wheels, and record what is found.

    ``advance`` is called with how many more are done. Returns whether releases are to be read again
    for it. Raises StorageError, CatalogError, and Stopped if the cycle is to end.
    """
    again = False
    remaining = iter(paths)
    look, size, done, begun = _by_threads, _TRIED, 0, time.monotonic()
    while batch := list(islice(remaining, size)):
        with mirror.catalog.begin() as connection:
            described = insides.with_metadata(connection, batch)
        limits = {
            path: METADATA_LIMIT if path in described else None for path in batch if is_wheel(path)
        }
        found = [Looked(path, stops) for path, stops in look(mirror, limits)]
        found += [Looked(path, {}) for path in batch if path not in limits]
        with mirror.catalog.begin() as connection:
            again = bool(insides.record(connection, found)) or again
        advance(len(batch))
        done, size = done + len(batch), _RECORD
        each = (time.monotonic() - begun) / done
        if mirror.processes.number > 1 and each * (len(paths) - done) > _WORTH:
            look = _by_processes
    return again


def _by_threads(
    mirror: Mirror, limits: Mapping[str, int | None]
) -> Iterator[tuple[str, Mapping[Installer, str]]]:
    """Yields what is found in wheels: unpacking leaves Python to other threads."""
    look = looks(mirror.pool.root, mirror.budget().clock)
    with ThreadPoolExecutor(mirror.processes.number, "wheels") as pool:
        yield from zip(limits, pool.map(look, limits.items()), strict=True)


def _by_processes(
    mirror: Mirror, limits: Mapping[str, int | None]
) -> Iterator[tuple[str, Mapping[Installer, str]]]:
    """Yields the same where there is much to look at: most members are small."""
    check = mirror.budget().clock  # it raises Stopped if the cycle is to end
    items = list(limits.items())
    found = mirror.processes.run(looks, (mirror.pool.root,), items, check=check, patience=_PATIENCE)
    here = looks(mirror.pool.root, check)
    for item, stops in found:
        yield item[0], here(item) if stops is None else stops
