"""What one project breaks stops no other: work on many, and on each alone where that fails.

Documents are hostile, and no list of the ways in which one can break a library is complete. So
whatever a batch raises, its items are tried one by one, and only those that fail by themselves are
set aside. What concerns everything (the database, the disk, the order to stop) is raised.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pypisync.errors import Malformed, PypiSyncError, Rejected, UpstreamError

_T = TypeVar("_T")


def apart(
    items: Sequence[_T], act: Callable[[Sequence[_T]], None], name: Callable[[_T], str]
) -> dict[str, UpstreamError]:
    """Do ``act`` for all items: at once, else for each by itself.

    ``act`` does all that it is given or leaves everything as it was. Returns, by the items' names,
    why it cannot be done for some. Raises what concerns everything.
    """
    if not items or _fault(items, act) is None:
        return {}
    faults = {name(item): _fault([item], act) for item in items}
    return {one: Malformed(fault) for one, fault in faults.items() if fault is not None}


@contextmanager
def guarded(
    note: Callable[[UpstreamError], object], malformed: Callable[[str], object] = repr
) -> Iterator[None]:
    """Returns a context for reading something hostile: what is malformed counts as missing.

    ``malformed`` is called with the reason, ``note`` with any other fault of a library. Raises
    what concerns everything: StorageError, CatalogError, Stopped.
    """
    try:
        yield
    except (Malformed, ValueError) as error:
        malformed(str(error))
    except PypiSyncError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        note(Malformed(_broken(error)))


def _broken(error: Exception) -> str:
    return f"what upstream says of it cannot be worked on: {type(error).__name__}: {error}"


def _fault(items: Sequence[_T], act: Callable[[Sequence[_T]], None]) -> str | None:
    try:
        act(items)
    except Rejected as error:
        return f"the database refuses what upstream says of it: {error}"
    except PypiSyncError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a document can do to a library
        return _broken(error)
    return None
