"""The documents of warehouse, rendered from a world: the simple index and the legacy JSON API.

Simple API 1.4 in JSON and HTML with the keys and quirks of PyPI (``_last-serial``, the legacy key
beside ``core-metadata``, explicit nulls), and the legacy documents of a project and of a release.
A document is rendered once and kept as long as its project does not change. Which document a
request gets is left to :mod:`tests.sim.routes`.
"""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from html import escape
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from tests.sim.state import Project, Release, StoredFile, Vulnerable
from tests.sim.world import World

JSON_V1 = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"


class Document:
    """A rendered document."""

    def __init__(self, body: bytes, serial: int) -> None:
        self.body = body
        self.serial = serial

    @cached_property
    def etag(self) -> str:
        """A strong entity tag: equal for equal bytes."""
        return f'"{hashlib.blake2b(self.body, digest_size=16).hexdigest()}"'

    @cached_property
    def gzipped(self) -> bytes:
        """The body as ``Content-Encoding: gzip`` sends it."""
        return gzip.compress(self.body, 1, mtime=0)


class Documents:
    """All documents of a world; ``base`` is the address that file URLs begin with."""

    def __init__(self, world: World, base: str) -> None:
        self._world = world
        self._base = base
        self._kept: dict[tuple[str, ...], tuple[object, Document]] = {}

    def root_json(self) -> Document:
        """Every project with its serial, as it is spelt; quarantined ones are left out."""
        return self._root("root json", _root_json)

    def root_html(self) -> Document:
        """The same in HTML."""
        return self._root("root html", _root_html)

    def project_json(self, project: Project) -> Document:
        """A project's page of the simple index."""
        return self._of("json", project, lambda: _json(simple(project, self._base)))

    def project_html(self, project: Project) -> Document:
        """The same in HTML."""
        return self._of("html", project, lambda: html_page(simple(project, self._base)))

    def legacy(self, project: Project) -> Document | None:
        """``/pypi/<name>/json``; None (404) if quarantined or without any release."""
        newest = project.newest()
        if newest is None:
            return None
        releases_key = self._world.faults.releases_key
        return self._of(
            f"legacy {releases_key}",
            project,
            lambda: _json(legacy(project, newest, self._base, releases_key=releases_key)),
        )

    def legacy_release(self, project: Project, version: str) -> Document | None:
        """``/pypi/<name>/<version>/json``; the version is matched in any spelling."""
        release = project.shown_release(version)
        if release is None:
            return None
        return self._of(
            f"legacy release {release.version}",
            project,
            lambda: _json(legacy(project, release, self._base, releases_key=False)),
        )

    def _root(self, kind: str, render: Callable[[World], bytes]) -> Document:
        edition, document = self._kept.get((kind,), (None, None))
        if document is None or edition != self._world.edition:
            document = Document(render(self._world), self._world.serial)
            self._kept[(kind,)] = (self._world.edition, document)
        return document

    def _of(self, kind: str, project: Project, render: Callable[[], bytes]) -> Document:
        key = (kind, project.display)
        kept, document = self._kept.get(key, (None, None))
        if document is None or kept is not project:
            document = Document(render(), project.serial)
            self._kept[key] = (project, document)
        return document


def simple(project: Project, base: str) -> dict[str, Any]:
    """A project's page of the simple index as plain values."""
    status: dict[str, Any] = {"status": project.status}
    if project.reason is not None:
        status["reason"] = project.reason
    listed = project.listed()
    return {
        "meta": {"_last-serial": project.serial, "api-version": "1.4"},
        "name": canonicalize_name(project.display),
        "project-status": status,
        "files": [_simple_file(release, file, base) for release, file in listed],
        "versions": list(dict.fromkeys(release.version for release, _ in listed)),
    }


def _simple_file(release: Release, file: StoredFile, base: str) -> dict[str, Any]:
    metadata = {"sha256": file.metadata_sha256} if file.metadata_sha256 else False
    return {
        "filename": file.filename,
        "url": base + file.path,
        "hashes": file.hashes,
        "requires-python": release.requires_python,
        "size": len(file.built.content),
        "upload-time": file.uploaded,
        "yanked": release.yanked or release.yanked is not None,
        "data-dist-info-metadata": metadata,
        "core-metadata": metadata,
        "provenance": None,
    }


def legacy(project: Project, release: Release, base: str, *, releases_key: bool) -> dict[str, Any]:
    """The legacy JSON document of this release as plain values."""
    info: dict[str, Any] = {
        "author": "",
        "classifiers": [],
        "description": "",
        "name": project.display,
        "provides_extra": list(release.extras) or None,
        "requires_dist": None if release.requires is None else list(release.requires),
        "requires_python": release.requires_python,
        "summary": "A simulated project",
        "version": release.version,
        "yanked": release.yanked is not None,
        "yanked_reason": release.yanked or None,
    }
    if release.dynamic:
        info["dynamic"] = list(release.dynamic)
    document: dict[str, Any] = {"info": info, "last_serial": project.serial}
    if releases_key:
        document["releases"] = {
            other.version: [_legacy_file(other, file, base) for file in other.files]
            for other in project.releases.values()
            if not other.quarantined
        }
    document["urls"] = [_legacy_file(release, file, base) for file in release.files]
    document["vulnerabilities"] = [_vulnerability(one) for one in release.vulnerabilities]
    document["ownership"] = {"roles": [], "organization": None}
    return document


def _vulnerability(one: Vulnerable) -> dict[str, Any]:
    return {
        "aliases": list(one.aliases),
        "details": f"Details of {one.id}.",
        "fixed_in": list(one.fixed_in),
        "id": one.id,
        "link": f"https://osv.dev/vulnerability/{one.id}",
        "source": "osv",
        "summary": one.summary,
        "withdrawn": one.withdrawn,
    }


def _legacy_file(release: Release, file: StoredFile, base: str) -> dict[str, Any]:
    built = file.built
    return {
        "comment_text": "",
        "core-metadata": {"sha256": file.metadata_sha256} if file.metadata_sha256 else False,
        "digests": file.hashes
        | ({"blake2b_256": built.blake2, "md5": built.md5} if "sha256" in file.hashes else {}),
        "downloads": -1,
        "filename": file.filename,
        "has_sig": False,
        "md5_digest": built.md5,
        "packagetype": "bdist_wheel" if file.kind == "wheel" else "sdist",
        "python_version": file.pyver,
        "requires_python": release.requires_python,
        "size": len(built.content),
        "upload_time": file.uploaded[:19],
        "upload_time_iso_8601": file.uploaded,
        "url": base + file.path,
        "yanked": release.yanked is not None,
        "yanked_reason": release.yanked or None,
    }


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _root_json(world: World) -> bytes:
    projects = [
        {"_last-serial": project.serial, "name": project.display}
        for project in world.projects.values()
        if project.status != "quarantined"
    ]
    meta = {"_last-serial": world.serial, "api-version": "1.4"}
    return _json({"meta": meta, "projects": projects})


def _root_html(world: World) -> bytes:
    names = {
        key: project.display
        for key, project in world.projects.items()
        if project.status != "quarantined"
    }
    return html_root(names, "/simple/", f"<!--SERIAL {world.serial}-->")


def html_root(names: Mapping[str, str], folder: str, end: str = "") -> bytes:
    """The names of projects (by normalised name) as a page of links below ``folder``."""
    links = [
        f'    <a href="{folder}{key}/">{escape(display)}</a>\n' for key, display in names.items()
    ]
    return _page("Simple index", "", "".join(links), end)


def html_page(page: dict[str, Any]) -> bytes:
    """A project's page as HTML; a file's "fragment" stands in place of its SHA-256."""
    status, meta = page.get("project-status", {}), ""
    if status:
        meta = f'    <meta name="pypi:project-status" content="{status["status"]}">\n'
    if "reason" in status:
        reason = escape(status["reason"])
        meta += f'    <meta name="pypi:project-status-reason" content="{reason}">\n'
    title = f"Links for {page['name']}"
    links = f"    <h1>{title}</h1>\n" + "".join(_anchor(file) for file in page["files"])
    serial = page["meta"].get("_last-serial")
    return _page(title, meta, links, "" if serial is None else f"<!--SERIAL {serial}-->")


def _anchor(file: dict[str, Any]) -> str:
    attributes = ""
    if file.get("requires-python"):
        attributes += f' data-requires-python="{escape(file["requires-python"])}"'
    if file["yanked"]:
        reason = "" if file["yanked"] is True else escape(file["yanked"])
        attributes += f' data-yanked="{reason}"'
    if file["core-metadata"]:
        digest = f'"sha256={file["core-metadata"]["sha256"]}"'
        attributes += f" data-dist-info-metadata={digest} data-core-metadata={digest}"
    hashes = "&amp;".join(f"{name}={digits}" for name, digits in file["hashes"].items())
    fragment = file.get("fragment", hashes)
    url = escape(file["url"]) + f"#{fragment}" * bool(fragment)
    return f'    <a href="{url}"{attributes}>{escape(file["filename"])}</a><br />\n'


def _page(title: str, meta: str, body: str, end: str) -> bytes:
    return (
        "<!DOCTYPE html>\n<html>\n  <head>\n"
        f'    <meta name="pypi:repository-version" content="1.4">\n{meta}'
        f"    <title>{escape(title)}</title>\n  </head>\n  <body>\n{body}  </body>\n</html>\n{end}"
    ).encode()
