"""A world as another kind of index serves it: the addresses, forms and gaps of a face.

Requests below the face's folder are those of PyPI's ``/simple/``, so that planned faults and the
log speak of ``/simple/<name>/`` whatever the face. Which face has what is in
:mod:`tests.sim.faces`.
"""

from dataclasses import replace
from email.utils import formatdate
from hashlib import sha512
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from packaging.utils import canonicalize_name

from tests.sim.documents import JSON_V1, Document, html_page, html_root, simple
from tests.sim.faces import Face
from tests.sim.routes import Answer, Asked, Routes, moved, negotiated, status_page
from tests.sim.state import Project, StoredFile
from tests.sim.world import World

_ELSEWHERE = "http://elsewhere.invalid"  # where a face sends what it does not have
_CONSTANT = 1_000_000_000  # Pulp's serial
_TYPES = {"text/html": "text/html; charset=UTF-8"}


class FaceRoutes(Routes):
    """Answers requests as the index of this kind does; files are at ``base``."""

    def __init__(self, world: World, base: str, face: Face) -> None:
        super().__init__(world, base)
        self._face = face
        self._stamps = 0

    def answer(self, asked: Asked) -> Answer:
        """The answer; its log entry and faults are those of the same request to PyPI."""
        folder = self._face.folder
        if folder != "/simple/":
            if asked.path.startswith(folder):
                asked = replace(asked, path="/simple/" + asked.path.removeprefix(folder))
            elif asked.path.startswith("/simple"):
                asked = replace(asked, path="/other" + asked.path)
        return super().answer(asked)

    def _xmlrpc(self, asked: Asked) -> Answer:
        return super()._xmlrpc(asked) if self._face.xmlrpc else status_page(405)

    def _json(self, asked: Asked) -> Answer:
        release = asked.path.count("/") > 3  # /pypi/<name>/<version>/json
        has = self._face.releases if release else self._face.legacy
        return super()._json(asked) if has else status_page(404)

    def _root(self, asked: Asked) -> Answer:
        face = self._face
        if face.root == "none":
            return status_page(403 if face.unknown == "403" else 404)
        if not asked.path.endswith("/"):
            return moved(face.folder)
        if face.root == "negotiated":
            return super()._root(asked)
        names = [p.display for p in self._world.projects.values() if p.status != "quarantined"]
        if face.root == "html" or self._kind(asked) != JSON_V1:
            page = html_root({canonicalize_name(name): name for name in names}, face.folder)
            return self._page(asked, page, "text/html")
        meta = {"api-version": face.version} | self._serial(self._world.serial)
        listed = {"meta": meta, "projects": [{"name": name} for name in names]}
        return self._page(asked, msgspec.json.encode(listed), JSON_V1)

    def _simple(self, asked: Asked) -> Answer:
        name = unquote(asked.path.removeprefix("/simple/").removesuffix("/"))
        if name != canonicalize_name(name) or not asked.path.endswith("/"):
            return moved(f"{self._face.folder}{canonicalize_name(name)}/")
        project = self._world.served(name)
        kind = self._kind(asked)
        if kind is None:
            return status_page(406)
        if project is None:
            return self._unknown(asked, name)
        page = self._shaped(project)
        body = msgspec.json.encode(page) if kind == JSON_V1 else html_page(page)
        if self._face.stamp:
            self._stamps += 1
            body += f"<!--TIMESTAMP {self._stamps}-->".encode()
        return self._page(asked, body, kind, project.serial)

    def _unknown(self, asked: Asked, name: str) -> Answer:
        match self._face.unknown:
            case "403":
                return status_page(403)
            case "elsewhere":
                return Answer(302, b"", {"Location": f"{_ELSEWHERE}/simple/{name}/"})
            case "empty":
                page = {"meta": {}, "name": name, "files": []}
                return self._page(asked, html_page(page), "text/html")
        return status_page(404)

    def _kind(self, asked: Asked) -> str | None:
        """The form of this answer; None: there is none that the client takes."""
        accept = asked.headers.get("accept", "").replace(".latest+", ".v1+")
        kind = negotiated(accept) if accept else "text/html"
        match self._face.form:
            case "html":
                return "text/html"
            case "json":
                return JSON_V1
            case "json or 406":
                return kind if kind == JSON_V1 else None
        return kind

    def _page(self, asked: Asked, body: bytes, kind: str, serial: int = 0) -> Answer:
        face = self._face
        headers: dict[str, str | None] = {"Content-Type": _TYPES.get(kind, kind), "Vary": "Accept"}
        if face.serial == "number":
            headers["X-PyPI-Last-Serial"] = str(serial or self._world.serial)
        elif face.serial == "constant":
            headers["X-PyPI-Last-Serial"] = str(_CONSTANT)
        if face.etags and self._world.faults.etags:
            headers["ETag"] = Document(body, 0).etag
        if face.dates:
            headers["Last-Modified"] = formatdate(1_700_000_000 + serial, usegmt=True)
        headers |= dict(face.headers)
        known = {name: value for name, value in headers.items() if value is not None}
        since = asked.headers.get("if-modified-since")
        if since and since == known.get("Last-Modified") and "if-none-match" not in asked.headers:
            return Answer(304, b"", known)
        return Answer(200, body, known)

    def _file(self, asked: Asked) -> Answer:
        """A file where this face keeps it; some answer for a ``.metadata`` that no page states."""
        path = unquote(asked.path)
        file = self._world.files.get(path.rpartition("/")[2].removesuffix(".metadata"))
        if file is None or not path.startswith(self._place(file)):
            return status_page(404)
        beside = path.removeprefix(self._place(file))
        if beside and "metadata" not in self._face.tells and self._face.name != "proxy":
            return status_page(404)
        answer = super()._file(replace(asked, path=file.path + beside))
        if self._face.ranges == "lies":
            answer = replace(answer, headers={**answer.headers, "Accept-Ranges": "bytes"})
        return answer

    def _serves_ranges(self) -> bool:
        return self._face.ranges == "yes" and super()._serves_ranges()

    def _place(self, file: StoredFile) -> str:
        if self._face.blobs:
            return file.path
        return f"/packages/files/{file.filename.partition('-')[0]}/{file.filename}"

    def _serial(self, serial: int) -> dict[str, object]:
        match self._face.serial:
            case "number":
                return {"_last-serial": serial}
            case "text":
                return {"_last-serial": str(serial)}
        return {}

    # --- project pages --------------------------------------------------------------------------

    def _shaped(self, project: Project) -> dict[str, Any]:
        """The project's page of PyPI, with what this face has of it."""
        page = simple(project, "")
        page["meta"] = {"api-version": self._face.version} | self._serial(project.serial)
        if "status" not in self._face.tells:
            del page["project-status"]
        if self._face.version == "1.0":
            del page["versions"]
        stored = {file.filename: file for _, file in project.listed()}
        page["files"] = [
            self._entry(number, entry, stored[entry["filename"]])
            for number, entry in enumerate(page["files"])
        ]
        return page

    def _entry(self, number: int, entry: dict[str, Any], file: StoredFile) -> dict[str, Any]:
        told = self._face.tells
        entry["url"] = self._link(file)
        entry["fragment"] = self._fragment(number, file)
        keys = {"size": "size", "uploaded": "upload-time", "requires-python": "requires-python"}
        for fact, key in keys.items():
            if fact not in told:
                del entry[key]
            elif self._face.empties and entry[key] is None:
                entry[key] = ""
        if "yanked" not in told:
            entry["yanked"] = False
        if "metadata" not in told:
            entry["core-metadata"] = entry["data-dist-info-metadata"] = False
        if self._face.form != "html":
            del entry["fragment"]
        return entry

    def _link(self, file: StoredFile) -> str:
        place = quote(self._place(file))
        match self._face.links:
            case "absolute":
                return self._base + place
            case "root":
                return place
        return "../" * self._face.folder.count("/") + place.removeprefix("/")

    def _fragment(self, number: int, file: StoredFile) -> str:
        made = file.built
        match self._face.hashes:
            case "dash":
                return f"sha256-{made.sha256}"
            case "md5":
                return f"md5={made.md5}"
            case "sha512":
                return f"sha512={sha512(made.content).hexdigest()}"
            case "some" if number % 2:
                return ""
            case "none":
                return ""
        return f"sha256={made.sha256}"
