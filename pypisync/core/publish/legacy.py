"""One project as PyPI's JSON API has it (``/pypi/<name>/json``), for mirrors that read that.

The keys are PyPI's (docs/user/api/json.md of warehouse). What the mirror does not know is null or
left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_version
from packaging.version import Version

from pypisync.core.publish.journal import QUARANTINED, python_tag
from pypisync.core.publish.pages import Page, PageFile
from pypisync.core.standards.model import Vulnerability


class Described(Struct, frozen=True):
    """What is known of a release besides its files."""

    summary: str | None = None
    license: str | None = None
    license_expression: str | None = None
    requires: tuple[str, ...] | None = None  # None: not known
    provides: tuple[str, ...] = ()  # extras
    vulnerabilities: tuple[Vulnerability, ...] | None = None  # None: never examined


def chosen(page: Page, version: str | None) -> str | None:
    """Returns the version that a document is about; None: there is no such document.

    Without a ``version`` it is the newest that is not yanked and no pre-release, if there is one.
    """
    if page.status == QUARANTINED:  # PyPI has none then
        return None
    yanked: dict[str, bool] = {}
    for file in page.files:
        yanked[file.version] = yanked.get(file.version, True) and file.yanked is not None
    if version is not None:
        return version if version in yanked else _spelled_as(version, yanked)

    def rank(text: str) -> tuple[bool, bool, Version]:
        parsed = Version(text)
        return not yanked[text], not parsed.is_prerelease, parsed

    return max(yanked, key=rank, default=None)


def _spelled_as(version: str, known: Iterable[str]) -> str | None:
    """Returns the known version that another spelling stands for, which PyPI takes as well."""
    wanted = canonicalize_version(version)
    return next((text for text in known if canonicalize_version(text) == wanted), None)


def document(
    page: Page, version: str, about: Described, address: str, since: str, *, whole: bool
) -> bytes:
    """Returns the JSON document of a project about one of its versions.

    ``address`` is the mirror's, without a slash at its end. ``since``: when the page last changed,
    for files without an upload time, for clients cannot do without one. ``whole``: with all
    releases.
    """
    releases: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(page.files, key=lambda file: (Version(file.version), file.filename)):
        releases.setdefault(file.version, []).append(_file(file, address, since))
    said: dict[str, Any] = {
        "info": _info(page, version, about, releases[version]),
        "last_serial": page.serial,
        "urls": releases[version],
    }
    if whole:
        said["releases"] = releases
    if about.vulnerabilities is not None:
        said["vulnerabilities"] = [_vulnerability(one) for one in about.vulnerabilities]
    return msgspec.json.encode(said)


def _info(
    page: Page, version: str, about: Described, files: list[dict[str, Any]]
) -> dict[str, Any]:
    yanked = all(file["yanked"] for file in files)
    return {
        "name": page.name,
        "version": version,
        "summary": about.summary,
        "license": about.license,
        "license_expression": about.license_expression or None,
        "requires_dist": None if about.requires is None else list(about.requires),
        "provides_extra": list(about.provides) or None,
        "requires_python": files[0]["requires_python"],
        "yanked": yanked,
        "yanked_reason": files[0]["yanked_reason"] if yanked else None,
    }


def _file(file: PageFile, address: str, since: str) -> dict[str, Any]:
    tag = python_tag(file.filename)
    uploaded = file.uploaded or since
    meta = {"sha256": file.metadata_sha256} if file.metadata_sha256 else False
    return {
        "filename": file.filename,
        "url": f"{address}/{quote(file.path, safe='/')}",
        "digests": {"sha256": file.sha256},
        "size": file.size,
        "packagetype": "sdist" if tag == "source" else "bdist_wheel",
        "python_version": tag,
        "requires_python": file.requires_python,
        "upload_time": uploaded[:19],
        "upload_time_iso_8601": uploaded,
        "yanked": file.yanked is not None,
        "yanked_reason": file.yanked or None,
        "core-metadata": meta,
    }


def _vulnerability(one: Vulnerability) -> Mapping[str, Any]:
    return {
        "id": one.id,
        "aliases": list(one.aliases),
        "summary": one.summary or None,
        "fixed_in": list(one.fixed_in),
        "link": one.link or None,
        "withdrawn": None,
    }
