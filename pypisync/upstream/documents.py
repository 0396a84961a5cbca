"""What one upstream document says: bytes in, checked values out.

Read are the pages of the simple index, as JSON (Simple API 1.x: PEP 691, 700, 714, 740, 792) and
as HTML, and the legacy JSON API. Unknown keys are ignored, as the specification asks; a bad
optional key counts as unsaid. An entry that breaks the rules is left out with its reason, and the
page goes on; only what leaves nothing to read makes the document Malformed. Whether a filename or
a version means anything is left to the core.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar, cast, get_args

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from pypisync.core.standards.model import (
    File,
    ProjectDocument,
    Skipped,
    Status,
    Vulnerability,
)
from pypisync.errors import Malformed
from pypisync.upstream import lenient
from pypisync.upstream.api import MAX_SERIAL
from pypisync.upstream.faults import said, shown
from pypisync.upstream.file_entries import (
    Found,
    LegacyFile,
    SimpleFile,
    clean,
    legacy_files,
    many_simple_files,
    simple_files,
)
from pypisync.upstream.html_pages import files_of, is_index_page, names_of, read_html
from pypisync.upstream.session import Reply
from pypisync.upstream.stated_versions import odd, versions_of
from pypisync.upstream.validators import of_bytes, of_headers, stamped

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
# JSON wherever there is some; an index that has none may answer in HTML at once.
SIMPLE_ANY = f"{SIMPLE_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_MOST = 100  # vulnerabilities of a release, and what each names, that are read
_LONGEST = 500  # characters of what is said of them
_LARGE = 4 * 2**20  # bytes of a page whose files are too many to be held as values

_T = TypeVar("_T", bound=msgspec.Struct)


class _Meta(msgspec.Struct):
    version: str | int | float = msgspec.field(default="1.0", name="api-version")
    serial: int | str | None = msgspec.field(default=None, name="_last-serial")


class _Status(msgspec.Struct):
    status: str | None = None
    reason: str | None = None


class _Page(msgspec.Struct):
    files: list[SimpleFile]
    name: str = ""
    meta: _Meta = msgspec.field(default_factory=_Meta)
    status: _Status | None = msgspec.field(default=None, name="project-status")
    versions: list[str] | None = None


class _LoosePage(_Page):
    files: list[msgspec.Raw]  # type: ignore[assignment]


class _Info(msgspec.Struct):
    name: str
    version: str | None = None
    requires_dist: list[str] | None = None


class _About(msgspec.Struct):
    info: _Info


class _Vulnerability(msgspec.Struct):
    id: str
    aliases: list[str] = msgspec.field(default_factory=list)
    summary: str | None = None
    fixed_in: list[str] = msgspec.field(default_factory=list)
    link: str | None = None
    withdrawn: str | None = None


class _Examined(_About):
    vulnerabilities: list[_Vulnerability] | None


class _Legacy(_About):
    last_serial: int | str | None = None
    releases: dict[str, list[LegacyFile]] | None = None
    urls: list[LegacyFile] | None = None


class _LooseLegacy(_Legacy):
    releases: dict[str, list[msgspec.Raw]] | None = None  # type: ignore[assignment]
    urls: list[msgspec.Raw] | None = None  # type: ignore[assignment]


class _ListedProject(msgspec.Struct):
    name: str
    serial: int | str | None = msgspec.field(default=None, name="_last-serial")


class _RootPage(msgspec.Struct):
    projects: list[_ListedProject]
    meta: _Meta = msgspec.field(default_factory=_Meta)


class _LooseRoot(_RootPage):
    projects: list[msgspec.Raw]  # type: ignore[assignment]


_PAGE = msgspec.json.Decoder(_Page)
_LARGE_PAGE = msgspec.json.Decoder(_LoosePage)
_LEGACY = msgspec.json.Decoder(_Legacy)
_ABOUT = msgspec.json.Decoder(_About)
_EXAMINED = msgspec.json.Decoder(_Examined)
_ROOT = msgspec.json.Decoder(_RootPage)


class RootDocument(Struct, frozen=True):
    """The root of the simple index: every project, with its last serial where it is stated."""

    serial: int
    projects: list[tuple[str, int | None]]
    etag: str | None


def bytes_digest(reply: Reply) -> str:
    """Returns a digest of an answer's bytes, its address and its content type."""
    return of_bytes(reply.url, reply.headers.get("Content-Type", ""), reply.body)


def is_json(reply: Reply) -> bool:
    """Returns whether an answer is JSON: by its Content-Type, or where that says nothing by sight.

    Static servers send pages as text/plain or without any type.
    """
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind.endswith("json") or ("html" not in kind and _begins(reply.body) == b"{")


def is_html(reply: Reply) -> bool:
    """Returns whether an answer is HTML, like :func:`is_json`."""
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return "html" in kind or (not kind.endswith("json") and _begins(reply.body) == b"<")


def _begins(body: bytes) -> bytes:
    return body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]


def stated_serial(headers: Mapping[str, str]) -> int:
    """Returns the serial in an answer's headers; 0 if there is none."""
    return _serial(headers.get("X-PyPI-Last-Serial")) or 0


def parse_root(reply: Reply) -> RootDocument:
    """Returns the simple index's root; the HTML form states no serials. Raises Malformed."""
    if is_html(reply):
        html = read_html(reply)
        _check_version(html.meta.get("pypi:repository-version", "1.0"), reply)
        names = list(dict.fromkeys(filter(None, map(clean, names_of(html)))))
        if not names and not is_index_page(html, []):
            raise Malformed(f"{shown(reply.url)}: an HTML page that lists no projects")
        return RootDocument(
            stated_serial(reply.headers) or html.serial,
            [(name, None) for name in names],
            of_headers(reply.headers).etag,
        )
    page = _decoded(_ROOT, reply, _LooseRoot)
    _check_version(page.meta.version, reply)
    listed = list(_listed(page.projects))
    if page.projects and not listed:
        raise Malformed(f"{shown(reply.url)}: none of the projects listed has a name")
    return RootDocument(
        _serial(page.meta.serial) or stated_serial(reply.headers),
        listed,
        of_headers(reply.headers).etag,
    )


def _listed(projects: Iterable[_ListedProject | msgspec.Raw]) -> Iterator[tuple[str, int | None]]:
    for entry in projects:
        with suppress(ValueError, RecursionError):
            typed = lenient.read(_ListedProject, entry) if isinstance(entry, msgspec.Raw) else entry
            yield typed.name, _serial(typed.serial)


def parse_simple(name: str, reply: Reply) -> ProjectDocument:
    """Returns a project's page of the simple index, ``name`` being normalised.

    Raises Malformed. It is read as JSON unless it is HTML.
    """
    if is_html(reply):
        return _parse_html(name, reply)
    page, (files, skipped) = _many(reply) or _few(reply)
    _check_version(page.meta.version, reply)
    _check_name(name, page.name or name, reply)
    stated = page.status or _Status("active")
    document = ProjectDocument(
        name=name,
        display=page.name or name,
        serial=_serial(page.meta.serial) or stated_serial(reply.headers),
        files=files,
        status=_status(stated.status),
        status_reason=clean(stated.reason),
        versions=odd(page.versions or (), versions_of(files)),
        skipped=skipped,
    )
    return stamped(document, reply.headers, bytes_digest(reply))


def _few(reply: Reply) -> tuple[_Page, Found]:
    page = _decoded(_PAGE, reply, _LoosePage)
    return page, simple_files(page.files, reply.url)


def _many(reply: Reply) -> tuple[_Page, Found] | None:
    """Returns what a very large page says, with files that are read when they are asked for.

    None if it is small, or if anything in it is not as it should be.
    """
    if len(reply.body) < _LARGE:
        return None
    try:
        page = _LARGE_PAGE.decode(reply.body)
        return page, many_simple_files(page.files, reply.url)
    except (ValueError, RecursionError):
        return None


def _parse_html(name: str, reply: Reply) -> ProjectDocument:
    page = read_html(reply)
    entries = files_of(page)
    if not is_index_page(page, entries):
        raise Malformed(
            f"{shown(reply.url)}: an HTML page that is none of an index: it has no link to a "
            "distribution, and does not say that it is one; perhaps it asks to log in"
        )
    _check_version(page.meta.get("pypi:repository-version", "1.0"), reply)
    files, skipped = simple_files(entries, page.base)
    document = ProjectDocument(
        name=name,
        display=name,
        serial=page.serial or stated_serial(reply.headers),
        files=files,
        status=_status(page.meta.get("pypi:project-status", "active")),
        status_reason=clean(page.meta.get("pypi:project-status-reason")) or None,
        skipped=skipped,
        form="html",
    )
    return stamped(document, reply.headers, bytes_digest(reply))


def _status(text: str | None) -> Status | None:
    # A status of a later standard cannot be understood, so it is as if unsaid.
    return cast("Status", text) if text in get_args(Status) else None


def parse_legacy(name: str, reply: Reply) -> ProjectDocument:
    """Returns a project in the legacy JSON API. Raises Malformed.

    The key ``releases`` is deprecated; without it only the newest release's files are known, and
    the document is partial.
    """
    page = _decoded(_LEGACY, reply, _LooseLegacy)
    _check_name(name, page.info.name, reply)
    newest = page.info.version
    releases = page.releases
    if releases is None:
        releases = {newest: page.urls or []} if newest else {}
    files: list[File] = []
    skipped: list[Skipped] = []
    filled: set[str] = set()
    for version, entries in releases.items():
        found, left_out = legacy_files(entries, reply.url)
        skipped += left_out
        if found:
            filled.add(version)
            files += found
    document = ProjectDocument(
        name=name,
        display=page.info.name,
        serial=_serial(page.last_serial) or stated_serial(reply.headers),
        files=tuple({file.filename: file for file in reversed(files)}.values())[::-1],
        status=None,
        versions=odd(releases, filled),
        requires={newest: _requires(page.info)} if newest else {},
        skipped=tuple(skipped),
        partial=page.releases is None,
        form="legacy",
    )
    return stamped(document, reply.headers, bytes_digest(reply))


def parse_requires(name: str, reply: Reply) -> tuple[str, ...] | None:
    """Returns ``requires_dist`` of a legacy document's release. Raises Malformed."""
    info = _decoded(_ABOUT, reply, _About).info
    _check_name(name, info.name, reply)
    return _requires(info)


def parse_vulnerabilities(name: str, reply: Reply) -> tuple[Vulnerability, ...]:
    """Returns the known vulnerabilities of the release that a legacy document tells of.

    Raises Malformed, also for a document that says nothing of vulnerabilities.
    """
    document = _decoded(_EXAMINED, reply, _Examined)
    _check_name(name, document.info.name, reply)
    return tuple(
        Vulnerability(
            id=_short(one.id),
            aliases=tuple(map(_short, one.aliases[:_MOST])),
            summary=_short(one.summary or ""),
            fixed_in=tuple(map(_short, one.fixed_in[:_MOST])),
            link=_short(one.link or ""),
        )
        for one in (document.vulnerabilities or ())[:_MOST]
        if one.id and one.withdrawn is None
    )


def _short(text: str) -> str:
    return (clean(text) or "")[:_LONGEST]


def _decoded(decoder: msgspec.json.Decoder[_T], reply: Reply, loose: type[_T]) -> _T:
    """Returns the body by ``decoder``; else mended, as ``loose``, bad optional keys as unsaid."""
    try:
        try:
            return decoder.decode(reply.body)
        except ValueError:
            return lenient.read(loose, lenient.mended(reply.body))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{shown(reply.url)}: not the JSON it should be: {said(error)}") from error


def _check_version(stated: float | str, reply: Reply) -> None:
    if str(stated).strip() and str(stated).partition(".")[0] != "1":
        raise Malformed(
            f"{shown(reply.url)}: speaks Simple API {str(stated)[:20]!r}, and this PypiSync "
            "only 1.x; look for a newer one"
        )


def _check_name(name: str, stated: str, reply: Reply) -> None:
    if canonicalize_name(stated) != name:
        raise Malformed(f"{shown(reply.url)}: is about {stated[:100]!r}, not about {name!r}")


def _serial(stated: int | str | None) -> int | None:
    """Returns the serial that a document states as a number or as text; None if it is no serial.

    PyPI writes a number, bandersnatch and some proxies write text.
    """
    if isinstance(stated, str):
        stated = int(stated) if re.fullmatch(r"[0-9]{1,19}", stated) else None
    return stated if stated is not None and 0 <= stated <= MAX_SERIAL else None


def _requires(info: _Info) -> tuple[str, ...] | None:
    if info.requires_dist is None:
        return None
    return tuple(clean(line) or "" for line in info.requires_dist)
