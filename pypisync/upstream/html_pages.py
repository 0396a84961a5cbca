"""Pages of the simple index in HTML (PEP 503, 592, 629, 658, 714, 740, 792).

They are read by the parser of the standard library, as pip reads them: it knows attributes and
entities, needs nothing else, and a page is fed to it once, so that its work grows with the page
alone. Two attributes are beyond the standards, and read as uv reads them: ``data-size`` and
``data-upload-time``. A page of another kind (a login, an error) is told by what it lacks.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from urllib.parse import quote, unquote, urljoin, urlsplit

from msgspec import Struct, field
from packaging.utils import canonicalize_name

from pypisync.core.standards.hashes import ALGORITHMS
from pypisync.errors import Malformed
from pypisync.upstream.faults import said, shown
from pypisync.upstream.file_entries import Hashes, SimpleFile
from pypisync.upstream.session import Reply

# What distributions have been called; other links lead elsewhere, and are nobody's concern.
_DISTRIBUTION = re.compile(
    r"\.(?:whl|zip|tar|tar\.(?:gz|bz2|xz|Z|lz|zst)|t[bgx]z|tbz2|egg|exe|msi|rpm|deb|dmg|json)$",
    re.IGNORECASE,
)
_INDEX = re.compile(r"\blinks for\b|\bsimple (?:package )?(?:index|repository)\b", re.IGNORECASE)
_SERIAL = re.compile(r"\s*SERIAL ([0-9]{1,18})\s*")
_HASH = re.compile(r"([A-Za-z0-9_]+)[=-]([0-9A-Fa-f]+)")  # Gitea writes a dash
_SAFE = "%/:=&?~#+!$,;'@()*[]"  # what a URL may hold as it is
_BEYOND = re.compile(r"(?:%[89A-F][0-9A-F])+")  # what is beyond ASCII, as ``quote`` writes it
# A path as most are: no host, no scheme, nothing escaped, and no dots instead of a last segment.
_PLAIN = re.compile(r"(?!//)(?:[\w.-]*/)*(?!\.{1,2}/?$)[\w.-]+/?", re.ASCII)
_TITLES = frozenset({"title", "h1"})


class HtmlPage(Struct):
    """What an HTML page says, before any of it is checked."""

    base: str  # the URL that relative ones start from
    serial: int = 0
    meta: dict[str, str] = field(default_factory=dict)
    title: str = ""
    links: list[tuple[dict[str, str | None], str]] = field(default_factory=list)  # and their text


def read_html(reply: Reply) -> HtmlPage:
    """Returns what an HTML page says. Raises Malformed if it is cut off."""
    reader = _PageReader(reply.url)
    try:
        reader.feed(_text(reply))
    except (AssertionError, ValueError, RecursionError) as error:
        raise Malformed(f"{shown(reply.url)}: HTML that cannot be read: {said(error)}") from error
    if re.match(r"</?[A-Za-z]", reader.rawdata):
        raise Malformed(f"{shown(reply.url)}: it ends in the middle of a tag")
    return reader.page


def files_of(page: HtmlPage) -> list[SimpleFile]:
    """Returns the entries of a project's page: links to what may be a distribution."""
    entries = []
    for attributes, _ in page.links:
        url, _, fragment = _resolved(page, attributes).partition("#")
        filename = unquote(url.partition("?")[0].rpartition("/")[2])
        if _DISTRIBUTION.search(filename):
            entries.append(_entry(filename, url, fragment, attributes))
    return entries


def is_index_page(page: HtmlPage, entries: list[SimpleFile]) -> bool:
    """Returns whether this is a page of an index: a login or an error page says none of this."""
    return bool(entries or "pypi:repository-version" in page.meta or _INDEX.search(page.title))


def names_of(page: HtmlPage) -> Iterator[str]:
    """Yields the projects that the root of an index lists, as it spells them."""
    for attributes, text in page.links:
        href = attributes.get("href") or ""
        name, display = _last_of(page, href), text.strip().rstrip("/")
        # The text is the project's name (PEP 503); a server's list of folders may cut it short.
        if name and canonicalize_name(display) == canonicalize_name(name):
            yield display
        elif name and href == f"{name}/":
            yield name


def _last_of(page: HtmlPage, href: str) -> str:
    """Returns the last segment of the path of a link; "" if there is none."""
    if _PLAIN.fullmatch(href):  # it leads there wherever it starts: half the time of a large root
        return href.rstrip("/").rpartition("/")[2]
    try:
        path = urlsplit(_joined(page.base, href)).path
    except ValueError:  # a host that is none
        return ""
    return unquote(path.rstrip("/").rpartition("/")[2])


class _PageReader(HTMLParser):
    """Collects what index pages are made of. Never closed: a rest that is no tag is not read."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.page = HtmlPage(url)
        self._based = False
        self._titled = False
        self._linked = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.page.links.append((dict(reversed(attrs)), ""))
        elif tag == "meta":
            found = dict(reversed(attrs))
            self.page.meta.setdefault(found.get("name") or "", found.get("content") or "")
        elif tag == "base" and not self._based:
            href = dict(reversed(attrs)).get("href")
            if href is not None:
                self._based = True
                self.page.base = _joined(self.page.base, href) or self.page.base
        self._linked = tag == "a" or (self._linked and tag in _INLINE)
        self._titled = tag in _TITLES

    def handle_endtag(self, tag: str) -> None:
        self._linked = self._linked and tag != "a"
        self._titled = False

    def handle_data(self, data: str) -> None:
        if self._linked:
            attributes, text = self.page.links[-1]
            if not text:
                self.page.links[-1] = attributes, data[:300]
        elif self._titled:
            self.page.title = f"{self.page.title[:300]} {data[:300]}"

    def handle_comment(self, data: str) -> None:
        if match := _SERIAL.fullmatch(data):
            self.page.serial = int(match[1])


_INLINE = frozenset({"b", "code", "em", "i", "span", "strong", "tt"})


# Codecs of Python that decode text, but are nothing a page is written in; one takes long.
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})


def _text(reply: Reply) -> str:
    """Returns the body as text, by the charset of its Content-Type, else as UTF-8 (PEP 503)."""
    stated = re.search(r"charset=\"?([\w.:-]+)", reply.headers.get("Content-Type", ""))
    encoding = "utf-8"
    if stated:
        try:
            known = codecs.lookup(stated[1])
        except (LookupError, ValueError):
            known = None
        if known is not None and known.name not in _NO_CHARSETS and known._is_text_encoding:  # noqa: SLF001 - there is no other way
            encoding = known.name
    return reply.body.decode(encoding, "replace")


def _resolved(page: HtmlPage, attributes: Mapping[str, str | None]) -> str:
    return _joined(page.base, attributes.get("href") or "")


def _joined(base: str, href: str) -> str:
    """Returns ``href`` from ``base``, escaped as browsers and pip do; "" if it cannot be read."""
    try:
        url = urljoin(base, quote(href.strip(), safe=_SAFE))
        host = urlsplit(url).netloc
    except ValueError:
        return ""
    # A host is not escaped: beyond ASCII it has a form of its own.
    return url.replace(host, _BEYOND.sub(lambda match: unquote(match[0]), host), 1) if host else url


def _entry(
    filename: str, url: str, fragment: str, attributes: Mapping[str, str | None]
) -> SimpleFile:
    size = attributes.get("data-size") or ""
    yanked = attributes.get("data-yanked", ...)
    metadata = [
        _metadata(attributes.get(key)) for key in ("data-core-metadata", "data-dist-info-metadata")
    ]
    return SimpleFile(
        filename=filename,
        url=url,
        hashes=_hashes(fragment),
        size=int(size) if re.fullmatch(r"[0-9]{1,16}", size) else None,
        uploaded=attributes.get("data-upload-time"),
        requires_python=attributes.get("data-requires-python"),
        # PEP 592: its presence counts, whatever its value.
        yanked=None if yanked is ... else yanked or True,
        metadata=metadata[0] if metadata[0] is not None else metadata[1],
        provenance=attributes.get("data-provenance"),
    )


def _hashes(fragment: str) -> Hashes:
    found: dict[str, str] = {}
    for part in fragment.split("&"):
        match = _HASH.fullmatch(part)
        if match and (name := match[1].lower()) in ALGORITHMS:
            found.setdefault(name, match[2])
    return Hashes(**found)


def _metadata(text: str | None) -> bool | Hashes | None:
    """Returns the hash of the metadata (PEP 658); "false" is what some write for none."""
    if text is None or text in ("", "false"):
        return None
    return Hashes(sha256=text[7:]) if text.startswith("sha256=") else True
