"""What one upstream document says: JSON bytes in, checked values out.

Read are the JSON forms of the simple index's pages (Simple API 1.0 to 1.x: PEP 691, 700, 714,
740, 792) and the legacy JSON API. Unknown keys are ignored, as the specification asks; keys that
are used must have their type. One file that breaks the rules is left out, and the page goes on;
anything else that does makes the document Malformed. Whether a filename or a version means
anything is left to the core.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast, get_args

import msgspec
from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import Version

from pypisync.core.standards.model import File, ProjectDocument, Skipped, Status, Vulnerability
from pypisync.errors import Malformed
from pypisync.upstream.file_entries import LegacyFile, SimpleFile, clean, legacy_files, simple_files
from pypisync.upstream.session import Reply, said, shown
from pypisync.upstream.validators import of_headers, stamped

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
_MOST = 100  # vulnerabilities of a release, and what each names, that are read
_LONGEST = 500  # characters of what is said of them
MAX_SERIAL = 2**63 - 1  # what a database holds

_T = TypeVar("_T")


class _Meta(msgspec.Struct):
    version: str = msgspec.field(default="1.0", name="api-version")
    serial: int | str | None = msgspec.field(default=None, name="_last-serial")


class _Status(msgspec.Struct):
    status: str = "active"
    reason: str | None = None


class _Page(msgspec.Struct):
    name: str
    files: list[SimpleFile]
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


class _Listed(msgspec.Struct):
    name: str
    serial: int | str | None = msgspec.field(default=None, name="_last-serial")


class _RootPage(msgspec.Struct):
    projects: list[_Listed]
    meta: _Meta = msgspec.field(default_factory=_Meta)


_PAGE = msgspec.json.Decoder(_Page)
_LOOSE_PAGE = cast("msgspec.json.Decoder[_Page]", msgspec.json.Decoder(_LoosePage))
_LEGACY = msgspec.json.Decoder(_Legacy)
_LOOSE_LEGACY = cast("msgspec.json.Decoder[_Legacy]", msgspec.json.Decoder(_LooseLegacy))
_ABOUT = msgspec.json.Decoder(_About)
_EXAMINED = msgspec.json.Decoder(_Examined)
_ROOT = msgspec.json.Decoder(_RootPage)


@dataclass(frozen=True, slots=True)
class Root:
    """The root of the simple index: every project, with its last serial where it is stated."""

    serial: int
    projects: list[tuple[str, int | None]]
    etag: str | None


def is_json(reply: Reply) -> bool:
    """Whether an answer is JSON at all; an index without the JSON form sends HTML instead."""
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind.endswith("json")


def stated_serial(headers: Mapping[str, str]) -> int:
    """The serial in an answer's headers; 0 if there is none."""
    text = headers.get("X-PyPI-Last-Serial", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0


def parse_root(reply: Reply) -> Root:
    """The simple index's root. Raises Malformed, also where there is only the HTML form."""
    if not is_json(reply):
        raise Malformed(f"{shown(reply.url)}: not JSON; an index with only HTML cannot be followed")
    page = _decoded(_ROOT, reply)
    _check_version(page.meta, reply)
    return Root(
        _serial(page.meta.serial) or stated_serial(reply.headers),
        [(entry.name, _serial(entry.serial)) for entry in page.projects],
        of_headers(reply.headers).etag,
    )


def parse_simple(name: str, reply: Reply) -> ProjectDocument:
    """A project's page of the simple index, ``name`` being normalised. Raises Malformed."""
    page = _decoded(_PAGE, reply, _LOOSE_PAGE)
    _check_version(page.meta, reply)
    _check_name(name, page.name, reply)
    files = simple_files(page.files, reply.url)
    _check_left(len(page.files), len(files), reply)
    stated = page.status or _Status()
    document = ProjectDocument(
        name=name,
        display=page.name,
        serial=_serial(page.meta.serial) or stated_serial(reply.headers),
        files=files,
        # A status of a later standard cannot be understood, so it is as if unsaid.
        status=cast("Status", stated.status) if stated.status in get_args(Status) else None,
        status_reason=clean(stated.reason),
        versions=_odd(page.versions or (), _versions_of(files)),
        skipped=_left_out(len(page.files) - len(files)),
    )
    return stamped(document, reply.headers)


def parse_legacy(name: str, reply: Reply) -> ProjectDocument:
    """A project in the legacy JSON API. Raises Malformed.

    The key ``releases`` is deprecated; without it only the newest release's files are known, and
    the document is partial.
    """
    page = _decoded(_LEGACY, reply, _LOOSE_LEGACY)
    _check_name(name, page.info.name, reply)
    newest = page.info.version
    releases = page.releases
    if releases is None:
        releases = {newest: page.urls or []} if newest else {}
    files: list[File] = []
    filled: set[str] = set()
    for version, entries in releases.items():
        found = legacy_files(entries, reply.url)
        if found:
            filled.add(version)
            files += found
    listed = sum(len(entries) for entries in releases.values())
    _check_left(listed, len(files), reply)
    document = ProjectDocument(
        name=name,
        display=page.info.name,
        serial=_serial(page.last_serial) or stated_serial(reply.headers),
        files=tuple({file.filename: file for file in reversed(files)}.values())[::-1],
        status=None,
        versions=_odd(releases, filled),
        requires={newest: _requires(page.info)} if newest else {},
        skipped=_left_out(listed - len(files)),
        partial=page.releases is None,
        form="legacy",
    )
    return stamped(document, reply.headers)


def parse_requires(name: str, reply: Reply) -> tuple[str, ...] | None:
    """``requires_dist`` of the release that a legacy document tells of. Raises Malformed."""
    info = _decoded(_ABOUT, reply).info
    _check_name(name, info.name, reply)
    return _requires(info)


def parse_vulnerabilities(name: str, reply: Reply) -> tuple[Vulnerability, ...]:
    """The known vulnerabilities of the release that a legacy document tells of.

    Raises Malformed, also for a document that says nothing of vulnerabilities.
    """
    document = _decoded(_EXAMINED, reply)
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


def _decoded(
    decoder: msgspec.json.Decoder[_T], reply: Reply, loose: msgspec.json.Decoder[_T] | None = None
) -> _T:
    """The body by ``decoder``, else by ``loose``, which leaves the files' own faults for later."""
    try:
        try:
            return decoder.decode(reply.body)
        except msgspec.ValidationError:
            if loose is None:
                raise
            return loose.decode(reply.body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{shown(reply.url)}: not the JSON it should be: {said(error)}") from error


def _check_left(listed: int, usable: int, reply: Reply) -> None:
    """A page on which no file keeps the rules is broken: it must not look like an empty one."""
    if listed and not usable:
        raise Malformed(f"{shown(reply.url)}: none of the {listed} files listed can be used")


def _check_version(meta: _Meta, reply: Reply) -> None:
    if meta.version.partition(".")[0] != "1":
        raise Malformed(
            f"{shown(reply.url)}: speaks Simple API {meta.version[:20]!r}, and this PypiSync "
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


def _left_out(count: int) -> tuple[Skipped, ...]:
    what = f"{count} of the files listed"
    why = "without a SHA-256, or with an address or size out of range"
    return (Skipped(what, why),) if count else ()


def _requires(info: _Info) -> tuple[str, ...] | None:
    if info.requires_dist is None:
        return None
    return tuple(clean(line) or "" for line in info.requires_dist)


def _versions_of(files: Iterable[File]) -> set[str]:
    """The versions as filenames spell them, for comparing only."""
    found = set()
    for file in files:
        pieces = file.filename.split("-")
        wheel = file.filename.endswith(".whl") and len(pieces) > 1
        found.add(pieces[1] if wheel else re.sub(r"\.(?:tar\.\w+|\w+)$", "", pieces[-1]))
    return found


def _odd(stated: Iterable[str], filled: Collection[str]) -> tuple[str, ...]:
    """Of the versions stated those that have no file or are no versions (PEP 440)."""
    same = {canonicalize_version(version) for version in filled}
    return tuple(
        clean(version) or ""
        for version in stated
        if not _is_version(version)
        or (version not in filled and canonicalize_version(version) not in same)
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except ValueError:
        return False
    return True
