"""The simulated upstream without a network: :class:`pypisync.upstream.api.Upstream` in process.

Answers, errors and counts are those that the client gets from the same world over HTTP; one
suite holds both to that. Requests are made one after another. A planned fault is a failed
request; ``attempts`` is how often one is made before the failure is believed, as a client retries.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from io import BytesIO
from threading import Event
from typing import IO, Any, Literal, TypeVar
from urllib.parse import quote, urlsplit

from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from pypisync.core.standards.hashes import chosen
from pypisync.core.standards.model import (
    ENDPOINT,
    FORMS,
    File,
    Form,
    ProjectDocument,
    Unchanged,
    Vulnerability,
)
from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.errors import Gone, Malformed, NoFeed, Stale, Unreachable
from pypisync.upstream.api import (
    AskFor,
    Deposit,
    FileAsk,
    Part,
    PartsAsk,
    ProjectAsk,
    RequiresAsk,
    VulnerabilitiesAsk,
)
from pypisync.upstream.ladder import Ladder
from pypisync.upstream.validators import stamped
from tests.sim.documents import Document, Documents
from tests.sim.faults import Effect, garble
from tests.sim.feeds import memory_sources
from tests.sim.log import Entry, Log, RequestKind, kind_of
from tests.sim.state import Project, Release, StoredFile, Vulnerable
from tests.sim.world import World

BASE = "http://files.test"
_CHUNK = 64 * 1024
_BELIEVED = 3  # attempts
_T = TypeVar("_T")


class MemoryUpstream(Ladder):
    """A world as an upstream. ``source`` is the API that project documents come from."""

    listing = False
    workers = 0

    def __init__(
        self,
        world: World,
        *,
        source: Literal["simple", "json"] = "simple",
        base: str = BASE,
        attempts: int = 1,
        name: str = ENDPOINT,
    ) -> None:
        self.name = name
        self.assignment = Assignment([Share(name)])
        super().__init__(memory_sources(self, attempts), memory_sources(self, 1))
        self.world = world
        self.log = Log()
        self._source = source
        self._base = base
        self._attempts = attempts
        self._best: Form | Literal[""] = ""  # the richest form that was seen
        self._documents = Documents(world, base)

    @property
    def feeds(self) -> tuple["MemoryUpstream"]:
        """The one index."""
        return (self,)

    def requests(self, kind: RequestKind | None = None) -> int:
        """How many requests were made, of this kind or of all."""
        return self.log.count(kind)

    # --- what concerns everything -----------------------------------------------------------------

    @property
    def address(self) -> str:
        """What the serials belong to."""
        return self._base

    # --- one project ------------------------------------------------------------------------------

    def begin(self, deposit: Deposit, halt: Event) -> Callable[[AskFor[Any]], Any]:
        """What answers one ask."""
        return partial(self.answer, deposit)

    def answer(self, deposit: Deposit, ask: AskFor[Any]) -> Any:
        """The answer to one ask. Raises UpstreamError, and StorageError."""
        match ask:
            case ProjectAsk():
                return self._persist(partial(self._project, ask))
            case RequiresAsk(name, version):
                return self._persist(partial(self._requires, name, version))
            case VulnerabilitiesAsk(name, version):
                known = self._persist(partial(self._release, name, version)).vulnerabilities
                return tuple(vulnerability(one) for one in known if one.withdrawn is None)
            case PartsAsk(file, read):
                return self._persist(partial(self._peek, file, read))
            case FileAsk():
                return self._download(ask, deposit)
        raise TypeError(ask)

    def close(self) -> None:
        """Nothing is open."""

    # --- how --------------------------------------------------------------------------------------

    def _persist(self, action: Callable[[], _T], attempts: int | None = None) -> _T:
        """What ``action`` gives at last. Raises UpstreamError."""
        for _ in range((attempts or self._attempts) - 1):
            with suppress(Unreachable, Stale):
                return action()
        return action()

    def _ask(self, path: str, call: str = "") -> Effect | None:
        """Ask for ``path``; what happens to the body. Raises UpstreamError: there is none."""
        limit = self.world.faults.take_rate_limit() if call else None
        effect = self.world.faults.take(path)
        status = effect.status if effect else 200
        if effect and effect.kind in ("drop", "hang"):
            status = 0
        self.log.add(Entry(kind_of(path), "POST" if call else "GET", path, status, call=call))
        if status in (404, 410):
            raise Gone(f"{path}: HTTP {status}")
        if status != 200 or limit is not None:
            raise Unreachable(f"{path}: HTTP {status}" if status else f"{path}: no answer")
        return effect

    def _document(self, path: str, call: str = "") -> None:
        """Ask for a document. Raises UpstreamError if it cannot be read."""
        effect = self._ask(path, call)
        if effect and effect.kind == "truncate":
            raise Unreachable(f"{path}: the answer was cut short")
        if effect and effect.kind in ("corrupt", "body"):
            raise Malformed(f"{path}: not the document it should be")

    def call(self, method: str, attempts: int) -> None:
        """Make a call by XML-RPC. Raises UpstreamError."""
        self._persist(lambda: self._document("/pypi", method), attempts)
        if not self.world.faults.xmlrpc:
            raise Unreachable("/pypi: no XML-RPC")

    def root(self, attempts: int) -> list[Project]:
        """Read the list of all projects. Raises UpstreamError."""
        try:
            self._persist(lambda: self._document("/simple/"), attempts)
        except (Gone, Malformed) as error:
            raise NoFeed(str(error)) from error
        if not (self.world.faults.simple and self.world.faults.simple_json):
            raise NoFeed("/simple/: no list of all projects")
        return [p for p in self.world.projects.values() if p.status != "quarantined"]

    def _project(self, ask: ProjectAsk) -> ProjectDocument | Unchanged:
        found = self._any_api(ask)
        if 0 < found.serial < ask.serial:
            raise Stale(f"{ask.name}: serial {found.serial}, owed {ask.serial}")
        if isinstance(found, Unchanged):
            return found
        best = ask.form or (self._best if ask.attempts < _BELIEVED else "")
        if best and FORMS.index(found.form) < FORMS.index(best):
            raise Malformed(f"{ask.name}: {found.form}, where there was {best}")
        if not self._best or FORMS.index(found.form) > FORMS.index(self._best):
            self._best = found.form
        same = found.validators.digest == ask.validators.digest
        return Unchanged(ask.name, found.serial) if same else found

    def _any_api(self, ask: ProjectAsk) -> ProjectDocument | Unchanged:
        # ``source`` is what the first answer would have taught.
        legacy = self._best == "legacy" if self._best else self._source == "json"
        legacy_first = legacy and ask.form in ("", "legacy")
        orders = (self._by_json, self._by_simple) if legacy_first else (
            self._by_simple, self._by_json
        )  # fmt: skip
        try:
            found = orders[0](ask)
        except Gone:
            return orders[1](ask)
        if not self._best and isinstance(found, ProjectDocument) and found.form == "html":
            return self._by_simple(ask)  # looked at twice
        return found

    def _by_simple(self, ask: ProjectAsk) -> ProjectDocument | Unchanged:
        self._document(f"/simple/{ask.name}/")
        faults = self.world.faults
        project = self.world.served(ask.name) if faults.simple else None
        if project is None:
            raise Gone(f"{ask.name}: not in the index")
        form: Form = "json" if faults.simple_json else "html"
        documents = self._documents
        etag = self._etag(
            documents.project_json(project) if form == "json" else documents.project_html(project)
        )
        if etag and etag == ask.validators.etag:
            return Unchanged(ask.name, project.serial)
        listed = project.listed()
        files = tuple(self._file(release, file) for release, file in listed)
        if form == "html":  # which has neither
            files = tuple(replace(file, size=None, uploaded=None) for file in files)
        document = ProjectDocument(
            name=ask.name,
            display=ask.name,  # the simple index knows no other
            serial=project.serial,
            files=files,
            status=project.status,
            status_reason=project.reason,
            versions=_odd(release for release, _ in listed) if form == "json" else (),
            form=form,
        )
        return stamped(document, {"ETag": etag or ""})

    def _by_json(self, ask: ProjectAsk) -> ProjectDocument | Unchanged:
        self._document(f"/pypi/{ask.name}/json")
        project = self.world.served(ask.name) if self.world.faults.json_api else None
        newest = None if project is None else project.newest()
        document = None if project is None else self._documents.legacy(project)
        if project is None or document is None or newest is None:
            raise Gone(f"{ask.name}: the JSON API does not have it")
        etag = self._etag(document)
        if etag and etag == ask.validators.etag:
            return Unchanged(ask.name, project.serial)
        requires = {newest.version: newest.requires}
        faults = self.world.faults
        if not faults.releases_key:
            with suppress(Gone):
                page = self._by_simple(ProjectAsk(ask.name))
                return page if isinstance(page, Unchanged) else replace(page, requires=requires)
        shown = [release for release in project.releases.values() if not release.quarantined]
        if not faults.releases_key:
            shown = [newest]
        made = ProjectDocument(
            name=ask.name,
            display=project.display,
            serial=project.serial,
            files=tuple(self._file(release, file) for release in shown for file in release.files),
            status=None,
            versions=_odd(shown),
            requires=requires,
            partial=not faults.releases_key,
            form="legacy",
        )
        return stamped(made, {"ETag": etag or ""})

    def _requires(self, name: str, version: str) -> tuple[str, ...] | None:
        return self._release(name, version).requires

    def _release(self, name: str, version: str) -> Release:
        self._document(f"/pypi/{name}/{quote(version, safe='')}/json")
        project = self.world.served(name) if self.world.faults.json_api else None
        release = None if project is None else project.shown_release(version)
        if release is None:
            raise Gone(f"{name} {version}: not there")
        return release

    def _etag(self, document: Document) -> str | None:
        return document.etag if self.world.faults.etags else None

    def _file(self, release: Release, file: StoredFile) -> File:
        sha256, stated = chosen(file.hashes.items())
        return File(
            filename=file.filename,
            url=self._base + file.path,
            sha256=sha256,
            stated=stated,
            size=len(file.built.content),
            uploaded=file.uploaded,
            requires_python=release.requires_python or None,
            yanked=release.yanked,
            metadata_sha256=file.metadata_sha256,
        )

    def _download(self, ask: FileAsk, deposit: Deposit) -> None:
        broken = False
        for left in reversed(range(self._attempts)):
            part = deposit.part(ask)
            try:
                if broken:
                    part.restart()
                if not part.offset or part.offset != ask.size:
                    self._transfer(ask, part)
                part.commit()
            except (Unreachable, Malformed) as error:
                if not left:
                    raise
                broken = isinstance(error, Malformed)
            else:
                return
            finally:
                part.close()

    def _peek(self, ask: FileAsk, read: Callable[[str, IO[bytes]], bytes]) -> bytes | None:
        path = urlsplit(ask.url).path
        try:
            effect = self._ask(path)
        except Gone:
            return None
        content = self.world.content(path)
        if content is None or not self.world.faults.ranges:
            return None
        if effect and effect.kind == "truncate":
            raise Unreachable(f"{path}: cut short")
        if effect and effect.kind == "body":
            content = effect.body
        elif effect and effect.kind == "corrupt":
            content = garble(content)
        if ask.size not in {None, len(content)}:
            return None
        return read(ask.path.rpartition("/")[2], BytesIO(content))

    def _transfer(self, ask: FileAsk, part: Part) -> None:
        path = urlsplit(ask.url).path
        effect = self._ask(path)
        content = self.world.content(path)
        if content is None:
            raise Gone(f"{path}: not there")
        if effect and effect.kind == "body":
            content = effect.body
        elif effect and effect.kind == "corrupt":
            content = garble(content)
        if ask.size is None and len(content) > ask.limit:
            raise Malformed(f"{path}: more than {ask.limit} bytes")
        offset = part.offset
        if offset and (not self.world.faults.ranges or offset > len(content)):
            part.restart()
            offset = 0
        end = len(content)
        if effect and effect.kind == "truncate":
            end = offset + (end - offset) // 2
        for start in range(offset, end, _CHUNK):
            part.write(content[start : min(start + _CHUNK, end)])
        if effect and effect.kind == "truncate":
            raise Unreachable(f"{path}: cut short")


def vulnerability(one: Vulnerable) -> Vulnerability:
    """What a client makes of it."""
    link = f"https://osv.dev/vulnerability/{one.id}"
    return Vulnerability(one.id, one.aliases, one.summary or "", one.fixed_in, link)


def _odd(releases: Iterable[Release]) -> tuple[str, ...]:
    """Versions that are not PEP 440 or have no file."""
    return tuple(
        dict.fromkeys(r.version for r in releases if not r.files or not _is_version(r.version))
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
