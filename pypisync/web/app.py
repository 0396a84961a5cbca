"""Which URL gets which response: the simple index, the files, and the state of the mirror.

Simple repository API (PEP 503, 691): one URL a project, the format by the Accept header. A project
that is not mirrored is 404, never an empty page, 403 or 410, which mean other things to clients.
Redirects are temporary (307) and relative: pip remembers permanent redirects for ever, and relative
ones survive a proxy with a prefix. It is a bare ASGI application, because the few routes need no
framework.
"""

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from packaging.utils import InvalidName, canonicalize_name, is_normalized_name

from pypisync.errors import CatalogError
from pypisync.web import generations, negotiation, pages
from pypisync.web.browse.site import Pages
from pypisync.web.files import open_below
from pypisync.web.followers import CALLED, Followers
from pypisync.web.health import Health
from pypisync.web.legacy import SERIAL
from pypisync.web.metrics import Metrics
from pypisync.web.response import FilePart, Message, Receive, Response, Send, plain

# What PyPI sends: a client may take this long to see a change.
_PAGE_CACHING = "max-age=600"
_PAGE_VARIES = "Accept, Accept-Encoding"
_COMMON = {"X-Content-Type-Options": "nosniff"}
_FILE_SENT = {
    "Content-Type": "application/octet-stream",
    # The path of a file holds the hash of its content.
    "Cache-Control": "max-age=365000000, immutable, public",
    "Accept-Ranges": "bytes",
    **_COMMON,
}

Headers = dict[bytes, bytes]
Given = list[tuple[bytes, bytes]]  # headers as they came, names in lower case
Answer = tuple[str, Response]  # with the kind of what was asked for


class Site:
    """The ASGI application over the mirror in ``root``."""

    def __init__(
        self,
        root: Path,
        past: generations.Generations,
        followers: Followers,
        health: Health,
        metrics: Metrics,
        people: Pages | None = None,
    ) -> None:
        """``people``: pages for people; None: there are none."""
        self._root = root
        self._health = health
        self._metrics = metrics
        self._pages = pages.Cache(root)
        self._generations = past
        self._followers = followers
        self._people = people

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Send the response to one request."""
        method = scope["method"]
        headers, called = _joined(scope["headers"]), scope["path"] in CALLED
        if method in {"GET", "HEAD"} and not called:
            kind, response = await self._answer(scope["path"], headers, head=method == "HEAD")
            if response is None:
                kind, response = await self._for_people(scope, headers)
        elif method == "POST" and called:
            kind, response = "xmlrpc", await self._followers.call(scope, receive, headers)
        else:
            kind, response = "other", plain(405, {"Allow": "POST" if called else "GET, HEAD"})
        try:
            self._metrics.count(kind, response.status)
            await response.send(receive, send, head=method == "HEAD")
        finally:
            response.close()

    def at_once(self, target: bytes, given: Given, *, head: bool) -> Response | None:
        """Returns the response to GET (``head``: HEAD) if it needs no waiting: file or known page.

        Other requests are left to a call. The caller sends and closes the response.
        """
        path = target.decode("latin-1")
        if "%" in path or "?" in path:
            return None
        found: Answer | None = None
        if path.startswith("/packages/"):
            with suppress(OSError):
                found = self._file(path, _joined(given), head=head)
        elif path.startswith("/simple/") and path.endswith("/"):
            name = path[8:-1]
            if path == "/simple/" or is_normalized_name(name):
                headers = _joined(given)
                form, packed, folder = _wanted(headers, name)
                page = self._pages.get((*folder, f"index.{form}{'.gz' if packed else ''}"))
                if page is not None:
                    kind = "project" if name else "index"
                    found = kind, _page_sent(page, form, headers, packed=packed)
        if found is None:
            return None
        self._metrics.count(found[0], found[1].status)
        return found[1]

    async def _answer(  # noqa: PLR0911 - a route each
        self, path: str, headers: Headers, *, head: bool
    ) -> tuple[str, Response | None]:
        """Returns the response; None: pages for people may have one."""
        try:
            if path.startswith("/packages/"):
                return self._file(path, headers, head=head)
            match path.split("/")[1:]:
                case ["simple"]:
                    return "index", _redirect("simple/")
                case ["simple", ""]:
                    return "index", await self._page("", headers)
                case ["simple", name, *rest] if rest in ([], [""]):
                    return "project", await self._project(name, headers, slash=bool(rest))
                case ["generations", which, "simple", *rest] if rest[1:] in ([], [""]):
                    return "generation", await self._generation(which, rest, headers)
                case ["pypi", *parts, "json"] | ["pypi", *parts, "json", ""] if 0 < len(parts) < 3:
                    up = "../" * (len(parts) + path.endswith("/"))
                    return "legacy", await self._followers.document(parts, up, headers)
                case [("healthz" | "readyz" | "metrics" | "status.json") as name]:
                    return name.partition(".")[0], await self._state(name, headers)
        except OSError:  # a file that is there cannot be read: the operator must act
            self._metrics.count("other", 500)
            raise
        return "other", None

    async def _for_people(self, scope: Message, headers: Headers) -> Answer:
        """Returns a page for people if the path is that of one; else 404."""
        if self._people is not None:
            page = await self._people.answer(scope["path"], scope["query_string"], headers)
            if page is not None:
                return "page", page
        return "other", plain(404)

    # -- the index ----------------------------------------------------------------------------

    async def _project(self, name: str, headers: Headers, *, slash: bool) -> Response:
        try:
            normalised = canonicalize_name(name, validate=True)
        except InvalidName:
            return plain(404)
        if slash and normalised == name:
            return await self._page(name, headers)
        if not self._pages.exists(("simple", normalised, "index.html")):
            return plain(404)
        return _redirect(f"../{normalised}/" if slash else f"{normalised}/")

    async def _page(self, project: str, headers: Headers) -> Response:
        """Returns the page of a project; "": the list of all."""
        form, packed, folder = _wanted(headers, project)
        name = f"index.{form}"
        page = await self._read((*folder, f"{name}.gz")) if packed else None
        packed = page is not None
        if page is None:
            page = await self._read((*folder, name))
        return _page_sent(page, form, headers, packed=packed)

    async def _read(self, parts: tuple[str, ...]) -> pages.StoredPage | None:
        page = self._pages.get(parts)
        if page is None and self._pages.exists(parts):
            page = await asyncio.to_thread(pages.read, self._root, parts)
            if page is not None:
                self._pages.keep(parts, page)
        return page

    async def _generation(self, which: str, rest: list[str], headers: Headers) -> Response:
        """Returns a page of a generation; ``rest`` is what follows ``simple``."""
        if not rest:
            return _redirect("simple/")
        try:
            name = canonicalize_name(rest[0], validate=True) if rest != [""] else ""
        except InvalidName:
            return plain(404)
        form = negotiation.page_format(_text(headers, b"accept"))
        packed = negotiation.takes_gzip(_text(headers, b"accept-encoding"))
        try:
            page = await self._generations.page(which, name, form, packed=packed)
        except CatalogError:
            return plain(503)
        if page is None or rest in ([""], [name, ""]):
            return _page_sent(page, form, headers, packed=packed)
        return _redirect(f"../{name}/" if rest[1:] else f"{name}/")

    # -- files --------------------------------------------------------------------------------

    def _file(self, path: str, headers: Headers, *, head: bool) -> Answer:
        kind = "metadata" if path.endswith(".metadata") else "file"
        opened = open_below(self._root, path[1:])
        if opened is None:
            return kind, plain(404)
        descriptor, found = opened
        size, etag = found.st_size, f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
        sent = {**_FILE_SENT, "ETag": etag}
        known = headers.get(b"if-none-match")
        if known is not None and negotiation.is_known(known.decode("latin-1"), etag):
            return kind, Response(304, sent, FilePart(descriptor, 0, size))
        if head or b"range" not in headers:
            return kind, Response(200, sent, FilePart(descriptor, 0, size))
        part = negotiation.part(_text(headers, b"range"), _text(headers, b"if-range"), etag, size)
        if part is None:
            return kind, Response(200, sent, FilePart(descriptor, 0, size))
        start, stop = part
        if start == stop:
            os.close(descriptor)
            return kind, plain(416, {"Content-Range": f"bytes */{size}"})
        sent["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return kind, Response(206, sent, FilePart(descriptor, start, stop))

    # -- how the mirror is --------------------------------------------------------------------

    async def _state(self, name: str, headers: Headers) -> Response:
        if name == "healthz":
            return _json(200, {"alive": True})
        if name == "readyz":
            return _json(*await asyncio.to_thread(self._health.readiness))
        if name == "status.json":
            return _json(*await asyncio.to_thread(self._health.status))
        accept = _text(headers, b"accept")
        body, content_type = await asyncio.to_thread(self._metrics.exposition, accept)
        return Response(200, {"Content-Type": content_type, "Cache-Control": "no-store"}, body)


def _wanted(headers: Headers, project: str) -> tuple[negotiation.Format, bool, tuple[str, ...]]:
    """Returns the page that is asked for: its format, whether it is packed, and its folder."""
    form = negotiation.page_format(_text(headers, b"accept"))
    packed = negotiation.takes_gzip(_text(headers, b"accept-encoding"))
    return form, packed, ("simple", project) if project else ("simple",)


def _joined(given: Given) -> Headers:
    """Returns the headers by name; several lines of one name are one list (RFC 9110, 5.3)."""
    found: Headers = {}
    for name, value in given:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def _text(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _page_sent(
    page: pages.StoredPage | generations.RenderedPage | None,
    form: negotiation.Format,
    headers: Headers,
    *,
    packed: bool,
) -> Response:
    if page is None:
        return plain(404)
    sent = {
        "Content-Type": negotiation.CONTENT_TYPES[form],
        "Cache-Control": _PAGE_CACHING,
        "Vary": _PAGE_VARIES,
        **_COMMON,
        **({"Content-Encoding": "gzip"} if packed else {}),
        "ETag": page.etag,
        **({} if page.serial is None else {SERIAL: str(page.serial)}),
    }
    if negotiation.is_known(_text(headers, b"if-none-match"), page.etag):
        return Response(304, sent)
    return Response(200, sent, page.data)


def _redirect(location: str) -> Response:
    return plain(307, {"Location": location})


def _json(status: int, answer: dict[str, Any]) -> Response:
    sent = {"Content-Type": "application/json", "Cache-Control": "no-store", **_COMMON}
    return Response(status, sent, json.dumps(answer, indent=2).encode() + b"\n")
