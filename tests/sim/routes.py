"""One request in, one answer out: warehouse's addresses, negotiation and status codes.

What PyPI's edge does is here too: entity tags, ranges, gzip, redirects to normalised names, and
the planned faults that are an answer. Sockets are left to :mod:`tests.sim.server`.
"""

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Self
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from tests.sim import rpc
from tests.sim.documents import HTML_V1, JSON_V1, Document, Documents
from tests.sim.faults import Effect, garble
from tests.sim.log import Entry, Log, kind_of
from tests.sim.world import World

_OFFERS = ("text/html", HTML_V1, JSON_V1)  # in PyPI's order of preference
_JSON_PATH = re.compile(r"/pypi/([^/]+)(?:/([^/]+))?/json/?")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_PAGE_CACHE = "max-age=600, public"
_FILE_CACHE = "max-age=365000000, immutable, public"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and what befalls it on the way."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: Effect | None = None  # drop, truncate, slow or hang
    call: str = ""  # the XML-RPC method that was called


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; ``headers`` by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Routes:
    """Answers requests from a world whose files are at ``base``."""

    def __init__(self, world: World, base: str) -> None:
        self._base = base
        self._show(world)

    def _show(self, world: World) -> None:
        self._world = world
        self._documents = Documents(world, self._base)
        self.log = Log()

    def showing(self, world: World) -> Self:
        """The same index with another world, and a log of its own."""
        other = copy(self)
        other._show(world)
        return other

    def answer(self, asked: Asked) -> Answer:
        """The answer, with the planned fault if there is one; it is logged."""
        effect = self._world.faults.take(asked.path)
        if effect and effect.kind == "status":
            answer = self._failed(effect.status)
        elif effect and effect.kind in ("drop", "hang"):
            answer = Answer(0, effect=effect)
        else:
            with self._world.lock:
                answer = self._route(asked)
            if effect:
                answer = _affected(answer, effect)
            answer = _finished(asked, answer, ranges=self._serves_ranges())
        entry = Entry(
            kind_of(asked.path),
            asked.method,
            asked.path,
            answer.status,
            asked.headers,
            answer.call,
        )
        self.log.add(entry)
        return answer

    def _route(self, asked: Asked) -> Answer:
        kind = kind_of(asked.path)
        if kind == "xmlrpc":
            return self._xmlrpc(asked)
        if asked.method not in ("GET", "HEAD"):
            return status_page(405)
        simple = self._world.faults.simple
        if kind in ("root", "simple") and simple:
            return self._root(asked) if kind == "root" else self._simple(asked)
        if kind in ("file", "metadata"):
            return self._file(asked)
        return self._json(asked)

    def _serves_ranges(self) -> bool:
        return self._world.faults.ranges

    def _xmlrpc(self, asked: Asked) -> Answer:
        typed = asked.headers.get("content-type", "").startswith("text/xml")
        if asked.method != "POST" or not typed or not self._world.faults.xmlrpc:
            return status_page(404)
        method, params = rpc.method_of(asked.body)
        seconds = self._world.faults.take_rate_limit()
        limited = None if seconds is None else rpc.too_many(seconds)
        body = limited or rpc.answer(self._world, method, params)
        headers = {"Content-Type": "text/xml; charset=UTF-8", "RateLimit-Policy": '"ip";q=3600'}
        return Answer(200, body, headers, call=method or "?")

    def _root(self, asked: Asked) -> Answer:
        if not asked.path.endswith("/"):
            return moved("/simple/")
        kind = self._negotiated(asked)
        wanted = self._documents.root_json() if kind == JSON_V1 else self._documents.root_html()
        return self._document(asked, wanted, kind)

    def _simple(self, asked: Asked) -> Answer:
        name = unquote(asked.path.removeprefix("/simple/").removesuffix("/"))
        normalised = canonicalize_name(name)
        if "/" in name:
            return status_page(404)
        if name != normalised or not asked.path.endswith("/"):
            return moved(f"/simple/{normalised}/")
        project = self._world.served(normalised)
        if project is None:
            return status_page(404)
        kind = self._negotiated(asked)
        if kind == JSON_V1:
            return self._document(asked, self._documents.project_json(project), kind)
        return self._document(asked, self._documents.project_html(project), kind)

    def _json(self, asked: Asked) -> Answer:
        match = _JSON_PATH.fullmatch(asked.path)
        if match is None or not self._world.faults.json_api:
            return status_page(404)
        name, version = unquote(match[1]), unquote(match[2] or "")
        normalised = canonicalize_name(name)
        if name != normalised:
            return moved(asked.path.replace(match[1], normalised, 1))
        project = self._world.served(normalised)
        if project is None:
            return status_page(404)
        if version:
            found = self._documents.legacy_release(project, version)
        else:
            found = self._documents.legacy(project)
        return (
            status_page(404) if found is None else self._document(asked, found, "application/json")
        )

    def _file(self, asked: Asked) -> Answer:
        path = unquote(asked.path)
        content = self._world.content(path)
        if content is None:
            return status_page(404)
        headers = {"Content-Type": "application/octet-stream", "Cache-Control": _FILE_CACHE}
        if self._world.faults.etags:
            headers["ETag"] = f'"{path.split("/", 5)[4]}{"-m" * path.endswith(".metadata")}"'
        return Answer(200, content, headers)

    def _document(self, asked: Asked, document: Document, kind: str) -> Answer:
        headers = {
            "Content-Type": f"{kind}; charset=UTF-8" if kind == "text/html" else kind,
            "Cache-Control": _PAGE_CACHE,
            "Vary": "Accept, Accept-Encoding",
            "X-PyPI-Last-Serial": str(document.serial),
        }
        if self._world.faults.etags:
            headers["ETag"] = document.etag
        if "gzip" in asked.headers.get("accept-encoding", "") and len(document.body) > 1000:
            headers["Content-Encoding"] = "gzip"
            return Answer(200, document.gzipped, headers)
        return Answer(200, document.body, headers)

    def _negotiated(self, asked: Asked) -> str:
        accept = asked.headers.get("accept", "")
        wanted = accept.replace(".simple.latest+", ".simple.v1+")
        kind = negotiated(wanted) if wanted else "text/html"
        return "text/html" if kind == JSON_V1 and not self._world.faults.simple_json else kind

    def _failed(self, status: int) -> Answer:
        """An error of the edge: HTML, and no serial."""
        answer = status_page(status)
        if status not in (429, 503):
            return answer
        wait = {"Retry-After": str(self._world.faults.retry_after)}
        return replace(answer, headers={**answer.headers, **wait})


@lru_cache(maxsize=256)
def negotiated(accept: str) -> str:
    """The media type for this Accept header; text/html if none of it can be had."""
    weights: dict[str, float] = {}
    for item in accept.split(","):
        kind, _, rest = item.strip().partition(";")
        found = re.search(r"\bq=([\d.]+)", rest)
        weights[kind.strip().lower()] = float(found[1]) if found else 1.0
    best = max(_OFFERS, key=lambda offer: _weight(weights, offer))
    return best if _weight(weights, best) > 0 else "text/html"


def _weight(weights: Mapping[str, float], offer: str) -> float:
    wild = weights.get("*/*", 0.0)
    return weights.get(offer, weights.get(offer.partition("/")[0] + "/*", wild))


def status_page(status: int) -> Answer:
    """A page that says only this status."""
    body = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Answer(status, body.encode(), {"Content-Type": "text/html; charset=UTF-8"})


def moved(path: str) -> Answer:
    """A permanent redirect."""
    return Answer(301, b"", {"Location": path})


def _affected(answer: Answer, effect: Effect) -> Answer:
    if effect.kind == "corrupt":
        return replace(answer, body=garble(answer.body))
    if effect.kind == "body":
        # An entity tag would let the client keep what it has.
        kept = {k: v for k, v in answer.headers.items() if k not in ("ETag", "Content-Encoding")}
        return replace(
            answer, status=effect.status, body=effect.body, headers={**kept, **effect.headers}
        )
    return replace(answer, effect=effect)


def _finished(asked: Asked, answer: Answer, *, ranges: bool) -> Answer:
    """With conditional requests (RFC 9110, 13) and ranges (14) brought about."""
    etag = answer.headers.get("ETag")
    if answer.status != 200:
        return answer
    if etag and etag in asked.headers.get("if-none-match", ""):
        return replace(answer, status=304, body=b"")
    if not ranges or kind_of(asked.path) not in ("file", "metadata"):
        return answer
    answer = replace(answer, headers={**answer.headers, "Accept-Ranges": "bytes"})
    wanted = _RANGE.fullmatch(asked.headers.get("range", ""))
    if wanted is None or asked.headers.get("if-range", etag) != etag:
        return answer
    return _ranged(answer, wanted[1], wanted[2])


def _ranged(answer: Answer, first: str, last: str) -> Answer:
    size = len(answer.body)
    if not first and not last:
        return answer
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size or stop <= start:
        headers = {**answer.headers, "Content-Range": f"bytes */{size}"}
        return replace(answer, status=416, body=b"", headers=headers)
    headers = {**answer.headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    return replace(answer, status=206, body=answer.body[start:stop], headers=headers)
