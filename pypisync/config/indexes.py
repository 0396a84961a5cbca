"""The indexes of the configuration: what is wrong with them, and what they come to."""

import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from pypisync.config.index_keys import IndexKeys
from pypisync.config.positions import KeyPath
from pypisync.config.schema import Document
from pypisync.core.standards.model import ENDPOINT
from pypisync.core.wanted.assignment import Assignment, Share

_FILES = ("ca_file", "client_cert", "client_key")


class IndexConfig(Struct, frozen=True):
    """An index besides the endpoint; all paths are absolute."""

    name: str
    address: str | None  # with its credentials: never to be shown as it is
    folder: Path | None
    projects: tuple[str, ...] | None
    # Read when the index is opened: it may be there for the service alone.
    credentials_file: Path | None
    ca_file: str | None
    client_cert: str | None
    client_key: str | None


def faults(data: Mapping[str, Any], folder: Path) -> Iterator[tuple[KeyPath, object, str]]:
    """Yields key, value and what is allowed, for each fault beyond those of single values."""
    upstream = data.get("upstream")
    if isinstance(upstream, dict):
        yield from _no_file(upstream, ("upstream",), _FILES, folder)
    given = data.get("indexes")
    given = given if isinstance(given, list) else []
    indexes = [one if isinstance(one, dict) else {} for one in given]
    names = Counter(str(one.get("name")).lower() for one in indexes)
    for number, one in enumerate(indexes):
        name = one.get("name")
        if isinstance(name, str) and names[name.lower()] > 1:
            yield ("indexes", number, "name"), name, "must differ from the names of the others"
        yield from _no_file(one, ("indexes", number), _FILES, folder)
        place = one.get("folder")
        if isinstance(place, str) and place and (why := _misplaced(folder / place, "folder")):
            yield ("indexes", number, "folder"), place, why


def _no_file(
    given: Mapping[str, Any], key: KeyPath, names: tuple[str, ...], folder: Path
) -> Iterator[tuple[KeyPath, object, str]]:
    for name in names:
        file = given.get(name)
        if isinstance(file, str) and file and (why := _misplaced(folder / file, "file")):
            yield (*key, name), file, why


def _misplaced(path: Path, wanted: Literal["file", "folder"]) -> str:
    """Returns why what is at a path is not what is wanted there; "" if it is."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return f"no such {wanted}"
    except (OSError, ValueError) as error:  # as of a folder that may not be entered
        return f"cannot be looked at: {getattr(error, 'strerror', error)}"
    if stat.S_ISDIR(mode) if wanted == "folder" else stat.S_ISREG(mode):
        return ""
    found = "a folder" if stat.S_ISDIR(mode) else f"no {wanted}"
    return f"is {found}, and a {wanted} is wanted"


def resolved(document: Document, folder: Path) -> tuple[IndexConfig, ...]:
    """Returns the indexes besides the endpoint, in order."""
    return tuple(_resolved(index, folder) for index in document.indexes)


def _resolved(index: IndexKeys, folder: Path) -> IndexConfig:
    def path(given: str | None) -> Path | None:
        return None if given is None else folder / given

    def text(given: str | None) -> str | None:
        return None if given is None else str(folder / given)

    return IndexConfig(
        name=index.name,
        address=index.address,
        folder=path(index.folder),
        projects=None if index.projects is None else tuple(index.projects),
        credentials_file=path(index.credentials_file),
        ca_file=text(index.ca_file),
        client_cert=text(index.client_cert),
        client_key=text(index.client_key),
    )


def assignment(document: Document) -> Assignment:
    """Returns which index may be asked for which project; the endpoint is the last in order."""
    shares = [
        Share(index.name, None if index.projects is None else tuple(index.projects))
        for index in document.indexes
    ]
    return Assignment([*shares, Share(ENDPOINT)], document.reserved, document.union)
