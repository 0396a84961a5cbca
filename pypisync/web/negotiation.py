"""What the headers of a request ask for: the format, packing, what the client has, which part.

RFC 9110 (12.5.1 Accept, 12.5.3 Accept-Encoding, 13.1.2 If-None-Match, 13.1.5 If-Range, 14.2 Range)
and the simple repository API (PEP 691: content negotiation). Header values are the client's text. A
value that cannot be parsed counts as missing, as the standards require. :mod:`pypisync.web.app`
chooses the response.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

Format = Literal["v1_json", "v1_html", "html"]

CONTENT_TYPES: Mapping[Format, str] = {
    "v1_json": "application/vnd.pypi.simple.v1+json",
    "v1_html": "application/vnd.pypi.simple.v1+html",
    "html": "text/html",
}
# Under what names a client may ask for each; "latest" means v1 (PEP 691).
_NAMES: Mapping[Format, tuple[str, ...]] = {
    "v1_json": (CONTENT_TYPES["v1_json"], "application/vnd.pypi.simple.latest+json"),
    "v1_html": (CONTENT_TYPES["v1_html"], "application/vnd.pypi.simple.latest+html"),
    "html": (CONTENT_TYPES["html"],),
}
_NAMED_RANK = {"html": 0, "v1_html": 1, "v1_json": 2}  # JSON says more
_UNNAMED_RANK = {"v1_html": 0, "v1_json": 1, "html": 2}  # */* is a browser or a script
_QUALITY = re.compile(r"[01](?:\.\d{0,3})?", re.ASCII)
_PART = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


# Clients of one kind send the same values; the limit of a head bounds what is kept.
@lru_cache(maxsize=64)
def page_format(accept: str) -> Format:
    """Returns the format for this Accept header; HTML if it accepts none of them, as PyPI does."""
    asked = _weights(accept)
    best: tuple[float, bool, int] = (0.0, False, 0)
    found: Format = "html"
    for form, names in _NAMES.items():
        named = [asked[name] for name in names if name in asked]
        family = f"{names[0].partition('/')[0]}/*"
        quality = max(named, default=asked.get(family, asked.get("*/*", 0.0)))
        rank = _NAMED_RANK if named else _UNNAMED_RANK
        if quality and (quality, bool(named), rank[form]) > best:
            best, found = (quality, bool(named), rank[form]), form
    return found


@lru_cache(maxsize=64)
def takes_gzip(accept_encoding: str) -> bool:
    """Returns whether this Accept-Encoding header accepts gzip, and prefers nothing to it."""
    asked = _weights(accept_encoding)
    gzip = asked.get("gzip", asked.get("x-gzip", asked.get("*", 0.0)))
    return gzip > 0 and gzip >= asked.get("identity", 0.0)


def is_known(if_none_match: str, etag: str) -> bool:
    """Returns whether the client has the state with this ETag (weak comparison, 8.8.3.2)."""
    known = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return etag in known or known == ["*"]


def part(asked: str, if_range: str, etag: str, size: int) -> tuple[int, int] | None:
    """Returns the part (first byte, byte after the last) that Range asks of ``size`` bytes.

    None: all of it, also where several parts are asked for or If-Range names another state. An
    empty part: there is no such part (416).
    """
    match = _PART.fullmatch(asked.strip())
    if match is None or (if_range and if_range.strip() != etag):
        return None
    first, last = match.groups()
    if not first:
        return None if not last else (max(size - int(last), 0), size)
    if last and int(last) < int(first):
        return None
    start = min(int(first), size)
    return start, size if not last else max(min(int(last) + 1, size), start)


def _weights(header: str) -> dict[str, float]:
    """Returns each entry of a list with weights (12.4.2), in lower case."""
    found: dict[str, float] = {}
    for entry in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in entry.split(";"))
        quality = "1"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            quality = value.strip() if key.strip() == "q" else quality
        if name and _QUALITY.fullmatch(quality):
            found[name] = min(float(quality), 1.0)
    return found
