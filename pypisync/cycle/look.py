"""Looks into wheels of the pool, for what stops an installer."""

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from pypisync.catalog.facts import insides
from pypisync.catalog.facts.insides import Looked
from pypisync.core.standards.filenames import METADATA
from pypisync.core.standards.wheel_contents import stops
from pypisync.cycle.mirror import METADATA_LIMIT, Mirror
from pypisync.errors import Malformed
from pypisync.storage.wheels import look_into

_RECORD = 500  # wheels that are recorded together


def look_at(mirror: Mirror, paths: Sequence[str]) -> bool:
    """Look into these wheels, and record what is found.

    As many at a time as there are processes that prove: unpacking leaves Python to others.
    Returns whether releases are to be read again for it. Raises StorageError, CatalogError, and
    Stopped if the cycle is to end.
    """
    mirror.watch.step("wheels", len(paths))
    again = False
    remaining = iter(paths)
    with ThreadPoolExecutor(mirror.processes, "wheels") as pool:
        while batch := list(islice(remaining, _RECORD)):
            with mirror.catalog.begin() as connection:
                described = insides.with_metadata(connection, batch)
            found = list(pool.map(partial(_looked, mirror, described), batch))
            with mirror.catalog.begin() as connection:
                again = bool(insides.record(connection, found)) or again
            mirror.watch.advance(len(batch))
    return again


def _looked(mirror: Mirror, described: Container[str], path: str) -> Looked:
    check = mirror.budget().clock  # it raises Stopped if the cycle is to end
    check()
    place = mirror.pool.absolute(path)
    if not mirror.pool.has(path, None):
        return Looked(path, {})  # lost: it is looked into when it has come again
    try:
        name, version, _, _ = parse_wheel_filename(place.name)
    except InvalidWheelFilename:
        return Looked(path, {})  # no installer takes it
    data = None
    if path in described and mirror.pool.has(path + METADATA, None):
        try:
            data = mirror.pool.read(path + METADATA, METADATA_LIMIT)
        except Malformed:
            return Looked(path, {})
    return Looked(path, stops(look_into(place, check), name, str(version), data))
