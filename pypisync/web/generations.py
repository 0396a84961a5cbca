"""Index pages of the generations that are kept, made from the database's rows when asked for.

A generation's pages never change, so they are kept in memory by its number. Which number a name
stands for, and whether the generation is still kept, is asked again every two seconds at most. One
request at a time asks the database, and only about a name that an index can have, so that clients
cannot take all of the server's threads. Clients that wait for the same page share one rendering.
"""

import asyncio
import gzip
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import generations
from pypisync.core.publish import pages
from pypisync.core.publish.pages import TO_ROOT_FROM_GENERATION
from pypisync.core.values import generation_name
from pypisync.web.negotiation import Format

_KEPT_SECONDS = 2.0
_NAMES = 1_000  # answers to "which number" that are kept
_ROOM = 32 * 2**20
_OVERHEAD = 1_000  # bytes that an entry costs besides its data

Key = tuple[int, str, bool, bool]  # generation, project, as JSON, packed
_Request = tuple[str, str, bool, bool]  # the generation as it was asked for; the rest as in Key


class RenderedPage(Struct, frozen=True):
    """The bytes of a page."""

    data: bytes
    etag: str  # with its quotes
    serial: int | None = None  # nobody follows what has passed


class Generations:
    """Pages by generation, from the database at ``url``; used by one event loop."""

    def __init__(
        self, url: str, *, room: int = _ROOM, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._room = room
        self._now = now
        self._lock = asyncio.Lock()
        self._numbers: OrderedDict[str, tuple[float, int | None]] = OrderedDict()
        self._pages: OrderedDict[Key, RenderedPage] = OrderedDict()
        self._making: dict[_Request, asyncio.Task[RenderedPage | None]] = {}
        self._used = 0

    async def page(
        self, which: str, name: str, form: Format, *, packed: bool
    ) -> RenderedPage | None:
        """Returns the page of a project ("": of all) in a generation; None: there is none.

        ``which`` is the generation's number or name. Raises CatalogError.
        """
        if not _can_be(which):
            return None
        as_json = form == "v1_json"
        known, number = self._number(which)
        if known:
            if number is None:
                return None
            page = self._get((number, name, as_json, packed))
            if page is not None:
                return page
        wanted = (which, name, as_json, packed)
        task = self._making.get(wanted)
        if task is None:
            task = self._making[wanted] = asyncio.create_task(self._made(wanted))
            task.add_done_callback(lambda _: self._making.pop(wanted, None))
        # One client that goes away takes nothing from the others.
        return await asyncio.shield(task)

    async def _made(self, wanted: _Request) -> RenderedPage | None:
        """Returns the page, made from the database and kept. Raises CatalogError."""
        which, name, as_json, packed = wanted
        async with self._lock:
            number, page = await asyncio.to_thread(
                self._make, which, name, as_json=as_json, packed=packed
            )
        self._remember(which, number)
        if number is not None and page is not None:
            self._keep((number, name, as_json, packed), page)
        return page

    def _make(
        self, which: str, name: str, *, as_json: bool, packed: bool
    ) -> tuple[int | None, RenderedPage | None]:
        """Returns the generation's number and the page, from the database."""
        with Reader(self._url) as reader:
            number = generations.find(reader, which)
            data = None if number is None else _bytes(reader, number, name, as_json=as_json)
        if data is None:
            return number, None
        if packed:
            data = gzip.compress(data, 6, mtime=0)
        return number, RenderedPage(data, f'"{sha256(data).hexdigest()[:40]}"')

    def _number(self, which: str) -> tuple[bool, int | None]:
        """Returns whether the number is known for now, and the number (None: there is none)."""
        at, number = self._numbers.get(which, (-_KEPT_SECONDS, None))
        return which in self._numbers and self._now() - at < _KEPT_SECONDS, number

    def _remember(self, which: str, number: int | None) -> None:
        self._numbers[which] = (self._now(), number)
        self._numbers.move_to_end(which)
        while len(self._numbers) > _NAMES:
            self._numbers.popitem(last=False)

    def _get(self, key: Key) -> RenderedPage | None:
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    def _keep(self, key: Key, page: RenderedPage) -> None:
        if len(page.data) > self._room // 8 or key in self._pages:
            return
        self._pages[key] = page
        self._used += len(page.data) + _OVERHEAD
        while self._used > self._room:
            _, oldest = self._pages.popitem(last=False)
            self._used -= len(oldest.data) + _OVERHEAD


def _bytes(reader: Reader, number: int, name: str, *, as_json: bool) -> bytes | None:
    if not name:
        projects, serial = generations.index(reader, number)
        if as_json:
            return pages.root_json(projects, serial)
        return pages.root_html([name for name, _ in projects])
    page = generations.page(reader, number, name)
    if page is None:
        return None
    return (pages.project_json if as_json else pages.project_html)(page, TO_ROOT_FROM_GENERATION)


def _can_be(which: str) -> bool:
    """Returns whether this can be the number or the name of a generation."""
    if which.isascii() and which.isdigit():
        return True
    try:
        generation_name(which)
    except ValueError:
        return False
    return True
