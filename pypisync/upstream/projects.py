"""One project's document, by whichever form this upstream has.

The simple index is asked for JSON (PEP 691), and may answer in HTML (PEP 503); the legacy JSON API
stands in where it has no page. What one of them does not know is gone only if the other does not
know it either. The forms that an index has are learnt from its answers. A document in a poorer form
than the index, or the project, is known to have is that one answer's fault (a load balancer, a
cache): it lacks statuses and upload times, so it never settles a project. A poorer document, and
one older than the serial it is owed, is asked for again under other headers, since a CDN may hold a
better variant; what then is still poorer is Malformed, what is older is Stale, and both are asked
for again later.
"""

from collections.abc import Mapping
from typing import cast
from urllib.parse import quote

from msgspec.structs import replace

from pypisync.core.standards.model import (
    NO_VALIDATORS,
    ProjectDocument,
    Unchanged,
    Validators,
    Vulnerability,
)
from pypisync.errors import Gone, Malformed, Refused, Stale, Unreachable
from pypisync.upstream.api import ProjectAsk
from pypisync.upstream.documents import (
    SIMPLE_ANY,
    bytes_digest,
    is_json,
    parse_legacy,
    parse_requires,
    parse_simple,
    parse_vulnerabilities,
    stated_serial,
)
from pypisync.upstream.encodings import ASKED
from pypisync.upstream.faults import shown
from pypisync.upstream.learnt import Learnt, rank
from pypisync.upstream.session import Reply, Session, backoff
from pypisync.upstream.validators import are_bytes, conditions, unless_same

_GZIP = {"Accept-Encoding": ASKED}
# The further tries for a document that is too old: caches keep one variant for each encoding.
_PAST_CACHES = (
    {"Accept-Encoding": "identity", "Cache-Control": "no-cache"},
    {"Accept-Encoding": f"{ASKED}, identity", "Cache-Control": "no-cache"},
)
_GONE = frozenset({404, 410})
# After so many asks at different times an index is believed to have no better form of a project.
_BELIEVED = 3
_CALLED = {
    "legacy": "the legacy JSON API alone",
    "html": "an HTML page",
    "json": "a JSON page",
}
_CONDITIONAL = frozenset({"If-None-Match", "If-Modified-Since"})


class Projects:
    """Reads project documents."""

    def __init__(self, session: Session, learnt: Learnt) -> None:
        self._session = session
        self._learnt = learnt

    def read(self, ask: ProjectAsk) -> ProjectDocument | Unchanged:
        """Returns the document, in a form and of a serial that can be believed.

        Raises UpstreamError: Stale if it is older than ``ask.serial``, Malformed if it is poorer
        than what is known.
        """
        # One that is owed a serial has to be read for it.
        known = NO_VALIDATORS if ask.serial else ask.validators
        document = self._readable(ask, _GZIP | conditions(ask.validators), known)
        if ask.serial and document == Unchanged(ask.name, 0):
            # A server that tells pages by the second misses one that changed twice within it.
            document = self._read(ask, _GZIP)
        for tries, headers in enumerate(_PAST_CACHES, 1):
            if self._fault(ask, document) is None:
                break
            self._session.wait(backoff(tries))
            self._session.renew(self._session.endpoint)  # the next machine may be newer
            document = self._read(ask, headers)
        if fault := self._fault(ask, document):
            raise fault
        if isinstance(document, ProjectDocument):
            self._learnt.saw(document.form)
        return _unless_known(ask, document)

    def _readable(
        self, ask: ProjectAsk, headers: Mapping[str, str], known: Validators
    ) -> ProjectDocument | Unchanged:
        """Returns the document. One that cannot be read is asked for again, elsewhere if possible.

        One node of a CDN may send broken documents for hours.
        """
        try:
            return self._read(ask, headers, known)
        except Malformed:
            self._session.wait(backoff(1))
            self._session.renew(self._session.endpoint)
            return self._read(ask, _PAST_CACHES[0])

    def _fault(
        self, ask: ProjectAsk, document: ProjectDocument | Unchanged
    ) -> Malformed | Stale | None:
        """Returns why this document does not settle the project; None if it does."""
        if 0 < document.serial < ask.serial:
            return Stale(
                f"upstream still answers with serial {document.serial}, although it "
                f"changed at {ask.serial}; it is asked again later"
            )
        if isinstance(document, Unchanged):
            return None
        # A project that has never been read may be one that a mixed index has in this form only.
        best = ask.form or (self._learnt.best if ask.attempts < _BELIEVED else None)
        if best and rank(document.form) < rank(best):
            return Malformed(
                f"upstream answers with {_CALLED[document.form]} although it has shown "
                f"{_CALLED[best]}; nothing is changed by it, and it is asked again later"
            )
        return None

    def requires(self, name: str, version: str) -> tuple[str, ...] | None:
        """Returns ``requires_dist`` of one release by the JSON API; None: none or unknown.

        Raises UpstreamError: Gone if the release or the API is not there.
        """
        return parse_requires(name, self._release(name, version))

    def vulnerabilities(self, name: str, version: str) -> tuple[Vulnerability, ...]:
        """Returns a release's known vulnerabilities by the JSON API, without withdrawn ones.

        Raises UpstreamError: Gone if the release or the API is not there.
        """
        return parse_vulnerabilities(name, self._release(name, version))

    def _release(self, name: str, version: str) -> Reply:
        path = f"{quote(name, safe='')}/{quote(version, safe='')}"
        reply = self._legacy(path, _GZIP)
        if reply.status in _GONE or not is_json(reply):
            raise Gone(f"{name} {version}: {shown(reply.url)} is not there")
        return reply

    def _read(
        self, ask: ProjectAsk, headers: Mapping[str, str], known: Validators = NO_VALIDATORS
    ) -> ProjectDocument | Unchanged:
        """Returns the document by the simple index, or else by the JSON API.

        One answer is not believed that makes an index poorer than most are: a 404 of one that is
        away for a while, HTML from a load balancer. So it is looked at twice, until there is one
        document in that form. By the JSON API a 404 also means that a project is quarantined.
        """
        try:
            found = self._by_simple(ask.name, headers, known)
        except Gone:
            found = self._by_legacy(ask.name, headers)
        if isinstance(found, Unchanged) or found.form in ("json", ask.form) or self._learnt.best:
            return found
        try:
            return self._by_simple(ask.name, _PAST_CACHES[0])
        except Gone:
            return found

    def _by_simple(
        self, name: str, headers: Mapping[str, str], known: Validators = NO_VALIDATORS
    ) -> ProjectDocument | Unchanged:
        url = f"{self._session.root}{quote(name, safe='')}/"
        reply = self._session.get(url, {**headers, "Accept": SIMPLE_ANY})
        if reply.status == 304 and _CONDITIONAL & headers.keys():
            return Unchanged(name, stated_serial(reply.headers))
        if reply.status == 406:
            raise Gone(f"{shown(reply.url)} has neither the JSON nor the HTML form")
        _check(reply)
        if are_bytes(known, bytes_digest(reply)):
            return Unchanged(name, stated_serial(reply.headers))
        return parse_simple(name, reply)

    def _by_legacy(self, name: str, headers: Mapping[str, str]) -> ProjectDocument | Unchanged:
        reply = self._legacy(quote(name, safe=""), headers)
        if reply.status == 304 and _CONDITIONAL & headers.keys():
            return Unchanged(name, stated_serial(reply.headers))
        _check(reply)
        if not is_json(reply):
            raise Gone(f"{shown(reply.url)} is no JSON API")
        document = parse_legacy(name, reply)
        return self._completed(document) if document.partial else document

    def _completed(self, document: ProjectDocument) -> ProjectDocument:
        """Returns a legacy document, with all files if the simple index has them."""
        try:
            page = self._by_simple(document.name, _GZIP)
        except Gone:
            return document
        return replace(cast("ProjectDocument", page), requires=document.requires)

    def _legacy(self, path: str, headers: Mapping[str, str]) -> Reply:
        if not self._session.settings.has_api:
            raise Gone(f"{path}: the index has no JSON API")
        url = f"{self._session.endpoint}/pypi/{path}/json"
        return self._session.get(url, {**headers, "Accept": "application/json"})


def _unless_known(
    ask: ProjectAsk, document: ProjectDocument | Unchanged
) -> ProjectDocument | Unchanged:
    """Returns Unchanged for a document whose content is the known one."""
    if isinstance(document, Unchanged):
        return document
    found = unless_same(ask.validators, document.validators)
    if found is None:
        return document
    return Unchanged(ask.name, document.serial, found if found != ask.validators else None)


def _check(reply: Reply) -> None:
    """Raise what a status means that is neither the document nor one for the caller."""
    if reply.status in _GONE:
        raise Gone(f"{shown(reply.url)} answers HTTP {reply.status}")
    if reply.status != 200:
        kind = Refused if reply.status in {401, 403} else Unreachable
        raise kind(
            f"{shown(reply.url)} answers HTTP {reply.status}; check the endpoint and its "
            "credentials"
        )
