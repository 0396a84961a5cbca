"""What was asked of a simulated upstream, so that tests can count it."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# json is /pypi/<name>/json, json_release /pypi/<name>/<version>/json
RequestKind = Literal[
    "xmlrpc", "root", "simple", "json", "json_release", "file", "metadata", "other"
]

XMLRPC_PATHS = frozenset({"/pypi", "/pypi/", "/RPC2"})
_JSON = re.compile(r"/pypi/[^/]+(/[^/]+)?/json/?")


def kind_of(path: str) -> RequestKind:
    """What this path asks for."""
    if path.startswith("/packages/"):
        return "metadata" if path.endswith(".metadata") else "file"
    if path.startswith("/simple"):
        return "root" if path in {"/simple", "/simple/"} else "simple"
    if path in XMLRPC_PATHS:
        return "xmlrpc"
    match = _JSON.fullmatch(path)
    if match is None:
        return "other"
    return "json_release" if match[1] else "json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request; ``status`` 0 if it got no answer."""

    kind: RequestKind
    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # by lower-case name
    call: str = ""  # the XML-RPC method


class Log:
    """All requests in the order of their answers."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.sent = 0  # bytes of the answers that came whole
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Remember one request."""
        with self._lock:
            self.entries.append(entry)

    def count(self, kind: RequestKind | None = None) -> int:
        """How many requests there were, of this kind or of all."""
        return sum(kind in (None, entry.kind) for entry in self.entries)

    def paths(self, kind: RequestKind | None = None) -> list[str]:
        """What was asked for, in order."""
        return [entry.path for entry in self.entries if kind in (None, entry.kind)]

    def counts(self) -> dict[RequestKind, int]:
        """The number of requests by kind; kinds without any are left out."""
        found: dict[RequestKind, int] = {}
        for entry in self.entries:
            found[entry.kind] = found.get(entry.kind, 0) + 1
        return found

    def clear(self) -> None:
        """Begin anew."""
        self.entries = []
