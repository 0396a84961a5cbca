"""One project's document, by whichever API this upstream has.

The simple index's JSON form comes first: it alone has status, provenance and yanks by file. Where
an index does not have it, the legacy JSON API stands in for all of it; which of the two is used
is learnt once, so that a project costs one request. What one of them does not know is gone only if
the other does not know it either. A document older than the serial it is owed
is asked for again under other headers, since a CDN may hold a newer variant; then it is Stale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import quote

from pypisync.core.standards.model import ProjectDocument, Unchanged, Vulnerability
from pypisync.errors import Gone, Malformed, Stale, Unreachable
from pypisync.upstream.api import ProjectAsk
from pypisync.upstream.documents import (
    SIMPLE_JSON,
    is_json,
    parse_legacy,
    parse_requires,
    parse_simple,
    parse_vulnerabilities,
    stated_serial,
)
from pypisync.upstream.session import Reply, Session, backoff, shown
from pypisync.upstream.validators import conditions

_GZIP = {"Accept-Encoding": "gzip, deflate"}
# The further tries for a document that is too old: caches keep one variant for each encoding.
_PAST_CACHES = (
    {"Accept-Encoding": "identity", "Cache-Control": "no-cache"},
    {"Accept-Encoding": "gzip", "Cache-Control": "no-cache"},
)
_GONE = frozenset({404, 410})
_CONDITIONAL = frozenset({"If-None-Match", "If-Modified-Since"})


class _NoJsonError(Exception):
    """The simple index has no JSON form."""


@dataclass(slots=True)
class Learnt:
    """What the answers have shown of an upstream. Threads share it: each learns the same."""

    simple_first: bool = True  # else the JSON API
    simple_works: bool = False  # a page has been seen, so it stays the first to be asked
    simple_exists: bool = True  # not known to be without the JSON form


class Projects:
    """Reads project documents."""

    def __init__(self, session: Session, learnt: Learnt) -> None:
        self._session = session
        self._learnt = learnt

    def read(self, ask: ProjectAsk) -> ProjectDocument | Unchanged:
        """The document asked for, no older than ``ask.serial``. Raises UpstreamError."""
        document = self._unless_known(ask, self._read(ask.name, _GZIP | conditions(ask.validators)))
        for tries, variant in enumerate(_PAST_CACHES, 1):
            if not 0 < document.serial < ask.serial:
                return document
            self._session.wait(backoff(tries))
            self._session.renew(self._session.endpoint)  # the next machine may be newer
            document = self._unless_known(ask, self._read(ask.name, variant))
        if 0 < document.serial < ask.serial:
            raise Stale(
                f"{ask.name}: upstream still answers with serial {document.serial}, although it "
                f"changed at {ask.serial}; it is asked again later"
            )
        return document

    def _unless_known(
        self, ask: ProjectAsk, document: ProjectDocument | Unchanged
    ) -> ProjectDocument | Unchanged:
        """Returns Unchanged for a document whose content is the known one."""
        if isinstance(document, Unchanged) or document.validators.digest != ask.validators.digest:
            return document
        other = document.validators if document.validators != ask.validators else None
        return Unchanged(ask.name, document.serial, other)

    def requires(self, name: str, version: str) -> tuple[str, ...] | None:
        """``requires_dist`` of one release by the JSON API; None: none or unknown.

        Raises UpstreamError: Gone if the release or the API is not there.
        """
        return parse_requires(name, self._release(name, version))

    def vulnerabilities(self, name: str, version: str) -> tuple[Vulnerability, ...]:
        """The known vulnerabilities of one release by the JSON API, withdrawn ones left out.

        Raises UpstreamError: Gone if the release or the API is not there.
        """
        return parse_vulnerabilities(name, self._release(name, version))

    def _release(self, name: str, version: str) -> Reply:
        path = f"{quote(name, safe='')}/{quote(version, safe='')}"
        reply = self._legacy(path, _GZIP)
        if reply.status in _GONE or not is_json(reply):
            raise Gone(f"{name} {version}: {shown(reply.url)} is not there")
        return reply

    def _read(self, name: str, headers: Mapping[str, str]) -> ProjectDocument | Unchanged:
        if self._learnt.simple_first:
            return self._simple_then_legacy(name, headers)
        return self._legacy_then_simple(name, headers)

    def _simple_then_legacy(
        self, name: str, headers: Mapping[str, str]
    ) -> ProjectDocument | Unchanged:
        try:
            return self._by_simple(name, headers)
        except _NoJsonError as error:
            try:
                found = self._by_legacy(name, headers)
            except Gone:
                raise Malformed(str(error)) from error
            self._learnt.simple_exists = self._learnt.simple_first = False
            return found
        except Gone:
            # One 404 is not believed: an index that is away for a while would empty the mirror.
            found = self._by_legacy(name, headers)
        if not self._learnt.simple_works:
            self._learnt.simple_first = False
        return found

    def _legacy_then_simple(
        self, name: str, headers: Mapping[str, str]
    ) -> ProjectDocument | Unchanged:
        """By the JSON API; its 404 also means a project that is quarantined or has no release."""
        try:
            return self._by_legacy(name, headers)
        except Gone:
            if not self._learnt.simple_exists:
                raise
        try:
            return self._by_simple(name, headers)
        except _NoJsonError as error:
            self._learnt.simple_exists = False
            raise Gone(f"{name}: neither API has it") from error

    def _by_simple(self, name: str, headers: Mapping[str, str]) -> ProjectDocument | Unchanged:
        url = f"{self._session.root}{quote(name, safe='')}/"
        reply = self._session.get(url, {**headers, "Accept": SIMPLE_JSON})
        if reply.status == 304 and _CONDITIONAL & headers.keys():
            return Unchanged(name, stated_serial(reply.headers))
        _check(name, reply)
        if reply.status == 406 or not is_json(reply):
            raise _NoJsonError(
                f"{shown(reply.url)}: the index has only HTML, and the JSON API does not know "
                f"{name} either; use an index with the JSON form of the simple API"
            )
        document = parse_simple(name, reply)
        self._learnt.simple_works = True
        return document

    def _by_legacy(self, name: str, headers: Mapping[str, str]) -> ProjectDocument | Unchanged:
        reply = self._legacy(quote(name, safe=""), headers)
        if reply.status == 304 and _CONDITIONAL & headers.keys():
            return Unchanged(name, stated_serial(reply.headers))
        _check(name, reply)
        if not is_json(reply):
            raise Gone(f"{name}: {shown(reply.url)} is no JSON API")
        document = parse_legacy(name, reply)
        if not document.partial or not self._learnt.simple_exists:
            return document
        return self._completed(document)

    def _completed(self, document: ProjectDocument) -> ProjectDocument:
        """A document of the newest release only, with all files if the simple index has them."""
        try:
            pages = self._by_simple(document.name, _GZIP)
        except (Gone, _NoJsonError):
            return document
        self._learnt.simple_first = True
        return replace(cast("ProjectDocument", pages), requires=document.requires)

    def _legacy(self, path: str, headers: Mapping[str, str]) -> Reply:
        if not self._session.settings.has_api:
            raise Gone(f"{path}: the index has no JSON API")
        url = f"{self._session.endpoint}/pypi/{path}/json"
        return self._session.get(url, {**headers, "Accept": "application/json"})


def _check(name: str, reply: Reply) -> None:
    """Raise what a status means that is neither the document nor one for the caller."""
    if reply.status in _GONE:
        raise Gone(f"{name}: {shown(reply.url)} answers HTTP {reply.status}")
    if reply.status not in {200, 406}:
        raise Unreachable(
            f"{name}: {shown(reply.url)} answers HTTP {reply.status}; check the endpoint and its "
            "credentials"
        )
