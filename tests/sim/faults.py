"""What goes wrong upstream, as data: both faces of the simulator read the same plan.

A pattern is matched against the request's path (``fnmatch``): ``/simple/a/``, ``/pypi/a/json``,
``/pypi/a/1.0/json``, ``/pypi`` (XML-RPC), ``/packages/*/a-1.0-*.whl``, ``*.metadata``.
``times`` None means for ever. A fault that has been used up is gone.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from packaging.utils import canonicalize_name

# drop: the connection is reset with no answer; truncate: cut after half of the body;
# slow: the answer comes late; hang: it never comes; corrupt: the right length, wrong bytes
Kind = Literal["status", "drop", "truncate", "slow", "hang", "corrupt", "body"]
_CHANCE: tuple[tuple[Kind, int], ...] = (
    ("drop", 0),
    ("truncate", 0),
    ("status", 500),
    ("status", 503),
    ("status", 429),
    ("corrupt", 0),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to one request."""

    kind: Kind
    status: int = 200
    seconds: float = 0.0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Planned:
    pattern: str
    effect: Effect
    left: int | None


class Faults:
    """The plan. The switches take a whole protocol away."""

    def __init__(self) -> None:
        self.simple = True
        self.simple_json = True  # False: HTML whatever is asked for
        self.json_api = True
        self.xmlrpc = True
        self.releases_key = True  # False: the legacy JSON API without its deprecated key
        self.etags = True
        self.ranges = True  # False: a Range header is ignored
        self.retry_after = 0  # seconds, stated in every 429 and 503
        self._lock = threading.Lock()
        self._plan: list[_Planned] = []
        self._stale: dict[str, tuple[int | None, bool]] = {}
        self._limits: list[int] = []
        self._chance: tuple[int, float] | None = None
        self._seen: Counter[str] = Counter()

    def fail(
        self,
        pattern: str,
        effect: int | Kind = 503,
        times: int | None = None,
        *,
        seconds: float = 0.2,
    ) -> None:
        """Answer with a status, or break the connection (see ``Kind``); ``seconds`` for slow."""
        if isinstance(effect, int):
            self._add(pattern, Effect("status", effect), times)
        else:
            self._add(pattern, Effect(effect, seconds=seconds), times)

    def corrupt(self, pattern: str, times: int | None = None) -> None:
        """Serve wrong bytes of the right length."""
        self._add(pattern, Effect("corrupt"), times)

    def body(
        self,
        pattern: str,
        content: bytes,
        times: int | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Replace the answer's body (and some of its headers) by hostile bytes."""
        effect = Effect("body", status, body=content, headers=dict(headers or {}))
        self._add(pattern, effect, times)

    def no_range(self) -> None:
        """Ignore Range headers from now on."""
        self.ranges = False

    def stale(self, name: str, times: int | None = None) -> None:
        """Serve the project's documents as they were before its last journal row."""
        self._stale[canonicalize_name(name)] = (times, False)

    def stuck(self, name: str, times: int | None = None) -> None:
        """Serve current documents with the serial before the last one (a missed trigger)."""
        self._stale[canonicalize_name(name)] = (times, True)

    def rate_limit(self, times: int = 1, seconds: int = 0) -> None:
        """Answer the next XML-RPC calls with the fault of a rate limit, in HTTP 200."""
        self._limits += [seconds] * times

    def random(self, seed: int, rate: float) -> None:
        """Let this part of all requests fail; the same requests fail the same way each time."""
        self._chance = (seed, rate) if rate else None
        self._seen.clear()

    def take(self, path: str) -> Effect | None:
        """The effect on a request of this path; uses it up."""
        with self._lock:
            for planned in self._plan:
                if planned.left != 0 and fnmatchcase(path, planned.pattern):
                    if planned.left is not None:
                        planned.left -= 1
                    return planned.effect
            return self._by_chance(path) if self._chance else None

    def take_stale(self, name: str) -> Literal["", "old", "stuck"]:
        """Whether this document comes too late, and how; uses it up."""
        if name not in self._stale:
            return ""
        with self._lock:
            times, stuck = self._stale[name]
            if times == 0:
                return ""
            if times is not None:
                self._stale[name] = (times - 1, stuck)
            return "stuck" if stuck else "old"

    def take_rate_limit(self) -> int | None:
        """The seconds this XML-RPC call is told to wait, None: it is not limited."""
        with self._lock:
            return self._limits.pop(0) if self._limits else None

    def _add(self, pattern: str, effect: Effect, times: int | None) -> None:
        self._plan = [planned for planned in self._plan if planned.left != 0]
        self._plan.append(_Planned(pattern, effect, times))

    def _by_chance(self, path: str) -> Effect | None:
        """Drawn from the seed, the path and its count, so that threads change nothing."""
        seed, rate = self._chance or (0, 0.0)
        self._seen[path] += 1
        digest = hashlib.blake2b(f"{seed} {self._seen[path]} {path}".encode()).digest()
        if int.from_bytes(digest[:4], "big") >= rate * 2**32:
            return None
        kind, status = _CHANCE[digest[4] % len(_CHANCE)]
        return Effect(kind, status or 200)


def garble(content: bytes) -> bytes:
    """Other bytes of the same length."""
    return content.translate(_FLIPPED)


_FLIPPED = bytes(byte ^ 0x55 for byte in range(256))
