"""Which bytes an index page has.

Simple repository API 1.4 (PEP 503, 592, 629, 691, 700, 714, 740, 792), as JSON and as the frozen
HTML (PEP 833). The same values always give the same bytes, in whatever order the files come.
What is listed is decided elsewhere; where the bytes go is the storage's business.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct
from packaging.version import Version

API_VERSION = "1.4"

# Of the bytes that are made here: higher whenever the same page gets other bytes than before, so
# that what an older version wrote is written anew.
FORM = "2"

# From simple/<name>/ to the mirror's root, and from generations/<which>/simple/<name>/.
TO_ROOT = "../../"
TO_ROOT_FROM_GENERATION = "../../../../"
_PLAIN = re.compile(r"[a-z0-9-]*")  # nothing that a URL or HTML would have to escape
_UPLOADED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)


class PageFile(Struct, frozen=True):
    """One file that a page lists. ``version`` is valid under PEP 440."""

    filename: str
    version: str
    path: str  # relative to the mirror's root: packages/aa/bb/<60 hex>/<filename>
    sha256: str
    size: int  # bytes
    uploaded: str | None  # upstream's upload time: YYYY-MM-DDTHH:MM:SS[.ffffff]Z
    requires_python: str | None
    yanked: str | None  # None: not yanked; "": yanked without a reason (PEP 592)
    metadata_sha256: str | None  # of the .metadata file that is stored; None: none is
    provenance: str | None  # PEP 740


class Page(Struct, frozen=True):
    """One project's page."""

    name: str  # normalised (PEP 503)
    serial: int  # the mirror's own; 0: not published yet
    status: str  # PEP 792: active, archived, deprecated, quarantined
    status_reason: str | None
    files: tuple[PageFile, ...]


def project_json(page: Page, to_root: str = TO_ROOT) -> bytes:
    """Returns the page as JSON; ``to_root`` leads from it to the mirror's root.

    Raises InvalidVersion for a version that is not PEP 440.
    """
    versions, files = _listed(page)
    status = {"status": page.status}
    if page.status_reason:
        status["reason"] = _clean(page.status_reason)
    return msgspec.json.encode(
        {
            "meta": {"api-version": API_VERSION, "_last-serial": page.serial},
            "name": page.name,
            "project-status": status,
            "versions": versions,
            "files": [_file_json(file, to_root) for file in files],
        }
    )


def project_html(page: Page, to_root: str = TO_ROOT) -> bytes:
    """Returns the page as HTML, like :func:`project_json`."""
    _, files = _listed(page)
    head = [f'<meta name="pypi:project-status" content="{_attribute(page.status)}">']
    if page.status_reason:
        reason = _attribute(page.status_reason)
        head.append(f'<meta name="pypi:project-status-reason" content="{reason}">')
    anchors = [_file_html(file, to_root) for file in files]
    return _html(f"Links for {page.name}", head, anchors, page.serial)


def root_json(projects: Sequence[tuple[str, int]], serial: int) -> bytes:
    """Returns the list of all (name, serial) as JSON, sorted by name."""
    return msgspec.json.encode(
        {
            "meta": {"api-version": API_VERSION, "_last-serial": serial},
            "projects": [{"name": name, "_last-serial": last} for name, last in sorted(projects)],
        }
    )


def root_json_changed(
    old: bytes, changed: Mapping[str, int], serial: int, count: int
) -> bytes | None:
    """Returns the list of ``count`` projects with changed serials, made from the list before.

    The same as :func:`root_json`, at a cost that hardly grows with the list. None if ``old`` is
    not such a list, or lacks one of those that changed.
    """
    body = old.partition(b'"projects":[')[2]
    entries = body.removesuffix(b"}]}").split(b"},")
    if len(entries) != count or not body.endswith(b"}]}"):
        return None
    for name, last in changed.items():
        entry = b'{"name":"%b"' % name.encode()
        at = bisect_left(entries, entry)
        if at == count or not entries[at].startswith(entry):
            return None
        entries[at] = b'%b,"_last-serial":%d' % (entry, last)
    return root_json([], serial).removesuffix(b"]}") + b"},".join(entries) + b"}]}"


def root_html(names: Sequence[str]) -> bytes:
    """Returns the list of all projects as HTML, sorted by name.

    It tells no serial, so it stays the same while the names do, and they are often very many.
    """
    names = sorted(names)
    if _PLAIN.fullmatch("".join(names)):  # as normalised names are, and there may be very many
        anchors = [f'<a href="{name}/">{name}</a><br>' for name in names]
    else:
        anchors = [f'<a href="{quote(name)}/">{escape(name)}</a><br>' for name in names]
    return _html("Simple index", [], anchors)


def _listed(page: Page) -> tuple[list[str], list[PageFile]]:
    """Returns the versions of the listed files (PEP 700) and the files, both in page order."""
    if page.status == "quarantined":  # PEP 792: an index must not offer its files
        return [], []
    parsed = {text: Version(text) for text in sorted({file.version for file in page.files})}
    rank = {version: i for i, version in enumerate(sorted(set(parsed.values())))}
    place = {text: rank[version] for text, version in parsed.items()}
    # A set under PEP 440, so 1.0 and 1.0.0 are one entry.
    names = {place[text]: text for text in reversed(parsed)}
    files = sorted(page.files, key=lambda file: (place[file.version], file.filename))
    return [names[i] for i in sorted(names)], files


def _file_json(file: PageFile, to_root: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": to_root + _url(file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
    }
    if file.uploaded and is_time(file.uploaded):
        entry["upload-time"] = file.uploaded
    if file.requires_python:
        entry["requires-python"] = _clean(file.requires_python)
    if file.yanked is not None:
        # pip takes an empty reason for "not yanked".
        entry["yanked"] = _clean(file.yanked) or True
    if file.metadata_sha256:
        # PEP 714: in JSON the old key would be misread by old installers.
        entry["core-metadata"] = {"sha256": file.metadata_sha256}
    if file.provenance:
        entry["provenance"] = _clean(file.provenance)
    return entry


def _file_html(file: PageFile, to_root: str) -> str:
    attributes = [f'href="{to_root}{_url(file)}#sha256={_attribute(file.sha256)}"']
    if file.requires_python:
        attributes.append(f'data-requires-python="{_attribute(file.requires_python)}"')
    if file.metadata_sha256:
        digest = _attribute(file.metadata_sha256)
        attributes.append(f'data-core-metadata="sha256={digest}"')
        attributes.append(f'data-dist-info-metadata="sha256={digest}"')
    if file.yanked is not None:
        # Always with a value: pip takes the bare attribute for "not yanked".
        attributes.append(f'data-yanked="{_attribute(file.yanked)}"')
    if file.provenance:
        attributes.append(f'data-provenance="{_attribute(file.provenance)}"')
    return f"<a {' '.join(attributes)}>{_attribute(file.filename)}</a><br>"


def _html(title: str, head: list[str], anchors: list[str], serial: int | None = None) -> bytes:
    heading = _attribute(title)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        *head,
        f"<title>{heading}</title>",
        "</head>",
        "<body>",
        f"<h1>{heading}</h1>",
        *anchors,
        "</body>",
        "</html>",
        "" if serial is None else f"<!--SERIAL {serial:d}-->\n",
    ]
    return "\n".join(lines).encode()


def _url(file: PageFile) -> str:
    return quote(file.path, safe="/")


def is_time(text: str) -> bool:
    """Returns whether the text is an upload time: uv drops the whole page for one that is not."""
    if not _UPLOADED.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _attribute(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    """Returns the text without lone surrogates, which upstream's JSON can hold and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
