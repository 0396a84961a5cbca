"""Which URL is which page.

A page is made by a thread, one at a time, so that files are served meanwhile.

Links are relative, so a proxy may put the mirror below any path. There is no script, and nothing
comes from another host: the Content-Security-Policy says so to browsers.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, quote

from msgspec import Struct
from packaging.utils import InvalidName, canonicalize_name

from pypisync.catalog.db.reader import Reader
from pypisync.errors import CatalogError
from pypisync.web.browse import history, overview, projects
from pypisync.web.browse.paging import number
from pypisync.web.health import Health
from pypisync.web.negotiation import is_known
from pypisync.web.response import Response
from pypisync.web.turns import BusyError, Turns
from pypisync.web.visitor import VARIES, Visitor

_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STATIC = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


_Values = Mapping[str, Any]


class _Ask(Struct, frozen=True):
    """A request, taken apart."""

    parts: list[str]  # of the path
    query: Mapping[str, str]  # the first value of each
    visitor: Visitor

    @property
    def page(self) -> int:
        """The number of the page of a long list."""
        return number(self.query.get("page", ""))


class Pages:
    """The pages of the mirror whose health and database these are."""

    def __init__(self, url: str, health: Health, *, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._health = health
        self._now = now
        self._turns = Turns()

    async def answer(
        self, path: str, query: bytes, headers: Mapping[bytes, bytes]
    ) -> Response | None:
        """Returns the response for a path; None if there is no page of this kind."""
        parts = path.split("/")[1:]
        if not parts:  # "*", which only OPTIONS may ask for (RFC 9112, 3.2.4)
            return None
        if parts[0] == "static":
            return await asyncio.to_thread(_static, parts[1:], headers)
        if not _is_page(parts):
            return None
        try:
            return await self._turns.take(self._made, parts, query, headers)
        except BusyError:
            return _sent(503, b"Too many pages are being made: try again.\n", **_BUSY)

    def _made(self, parts: list[str], query: bytes, headers: Mapping[bytes, bytes]) -> Response:
        text = query.decode("latin-1")[:2_000]
        asked = parse_qs(text, errors="replace", max_num_fields=20) if text.count("&") < 20 else {}
        ask = _Ask(parts, {key: found[0] for key, found in asked.items()}, Visitor(headers))
        elsewhere = _elsewhere(parts)
        if elsewhere is not None:
            return _sent(307, b"", Location=elsewhere)
        status, name = 200, parts[0] or "overview"
        try:
            values = self._values(ask)
            if values is None:
                status, name, values = 404, "missing", {}
        except CatalogError as error:
            status, name, values = 503, "unavailable", {"error": str(error)}
        body = _rendered(name, ask, values)
        etag = f'"{sha256(body).hexdigest()[:40]}"'
        sent = {"Content-Type": "text/html; charset=utf-8", "Vary": VARIES, "ETag": etag}
        known = headers.get(b"if-none-match", b"").decode("latin-1")
        if status == 200 and known and is_known(known, etag):
            return _sent(304, b"", **sent)
        return _sent(status, body, **sent)

    def _values(self, ask: _Ask) -> _Values | None:  # noqa: PLR0911 - a page each
        if ask.parts == [""]:
            return overview.overview(self._health, self._now())
        if ask.parts == ["setup"]:
            return {"generation": self._generation()}
        with Reader(self._url) as reader:
            match ask.parts:
                case ["search"]:
                    return projects.found(reader, ask.query.get("q", ""), ask.page)
                case ["projects", name]:
                    return projects.project(reader, name, ask.query.get("release", ""), ask.page)
                case ["roots"]:
                    return projects.wanted(reader, ask.page)
                case ["generations"]:
                    return history.every(reader, ask.page)
                case ["generations", which]:
                    return history.one(reader, which, ask.query.get("from", ""))
                case ["problems"]:
                    return overview.every_kind(reader, self._health)
                case ["problems", kind]:
                    return overview.one_kind(reader, self._health, kind, ask.page)
        return None

    def _generation(self) -> int | None:
        """Returns the generation that is published."""
        found = self._health.read().status
        return found.generation[0] if found and found.generation else None


_BUSY = {"Content-Type": "text/plain; charset=utf-8", "Retry-After": "2"}
_ROOMS = {"projects", "generations", "problems"}
_SINGLE = {"", "search", "setup", "roots", "projects", "generations", "problems"}


def _is_page(parts: list[str]) -> bool:
    """Returns whether a path is that of a page, there or not."""
    if len(parts) == 1:
        return parts[0] in _SINGLE
    return len(parts) == 2 and parts[0] in _ROOMS and (parts[1] != "" or parts[0] == "projects")


def _elsewhere(parts: list[str]) -> str | None:
    """Returns where a page really is, relative to where it was asked for; None: there."""
    if parts in (["projects"], ["projects", ""]):
        return "../search" if len(parts) == 2 else "search"
    if parts[0] == "projects":
        try:
            name = canonicalize_name(parts[1], validate=True)
        except InvalidName:
            return None
        return None if name == parts[1] else quote(name)
    return None


def _rendered(name: str, ask: _Ask, values: _Values) -> bytes:
    # Not before somebody asks: most serving processes never make a page.
    from pypisync.web.browse import render  # noqa: PLC0415

    if name in _ROOMS and len(ask.parts) == 2:
        name = name.removesuffix("s")
    root = "../" * (len(ask.parts) - 1) or "./"
    return render.page(name, {"root": root, "visitor": ask.visitor, "here": ask.parts[0], **values})


def _static(parts: list[str], headers: Mapping[bytes, bytes]) -> Response | None:
    from pypisync.web.browse.render import FOLDER  # noqa: PLC0415

    content_type = _STATIC.get(parts[0]) if len(parts) == 1 else None
    if content_type is None:
        return None
    body = (FOLDER / "static" / parts[0]).read_bytes()
    etag = f'"{sha256(body).hexdigest()[:40]}"'
    # The pages ask for them with a digest of what is in them.
    sent = {"Content-Type": content_type, "Cache-Control": "max-age=86400", "ETag": etag}
    known = headers.get(b"if-none-match", b"").decode("latin-1")
    return _sent(304, b"", **sent) if known and is_known(known, etag) else _sent(200, body, **sent)


def _sent(status: int, body: bytes, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {**_HEADERS, **named}, body)
