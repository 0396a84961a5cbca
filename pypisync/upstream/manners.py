"""When a host may be asked again: what ``Retry-After`` and the rate limit headers ask for.

``Retry-After`` is RFC 9110, 10.2.3. The rate limit comes in two forms: as the field that the draft
of the IETF has now (``RateLimit: "default";r=0;t=30``), and as ``RateLimit-Remaining`` and
``RateLimit-Reset`` of its older versions. What a host asks for holds for all threads.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from msgspec import Struct

from pypisync.core.display import counted, show_seconds
from pypisync.errors import Unreachable

LONGEST_WAIT = 300.0  # seconds, whatever a host asks for
_SECONDS = re.compile(r"[0-9]+")
_YEAR = 366 * 86400.0  # seconds; no limit lasts so long, hence more is a time since 1970
_PAIR = re.compile(r"\b(r|t|remaining|reset)\s*=\s*([0-9]+)")
_ENDED = frozenset({403, 429, 500, 502, 503, 504})  # answers whose Retry-After is meant for us


class Gate(Struct, frozen=True):
    """What a host asks for."""

    opens: float  # on the clock
    refusals: int  # in a row, each after the host was left alone for as long as it asked


class Gates:
    """Until when each host is to be left alone. Safe between threads."""

    def __init__(self, clock: Callable[[], float], patience: int) -> None:
        """``patience``: so often a host is waited for before requests to it fail at once."""
        self._clock = clock
        self._patience = patience
        self._gates: dict[str, Gate] = {}
        self._lock = threading.Lock()
        # Is told of each change, with the origin; None: that it may be asked again.
        self.heard: Callable[[str, Gate | None], object] | None = None

    def seconds(self, origin: str) -> float:
        """Returns how long to wait before the next request.

        Raises Unreachable if that helps no more.
        """
        gate = self._gates.get(origin)
        left = gate.opens - self._clock() if gate else 0.0
        if gate is None or left <= 0:
            return 0.0
        if gate.refusals > self._patience:
            raise Unreachable(
                f"{origin} wants to be left alone for another {show_seconds(round(left))}, and "
                f"said so {counted(gate.refusals, 'time')} in a row; it is asked again after that"
            )
        return left

    def note(self, origin: str, status: int, headers: Mapping[str, str]) -> float | None:
        """Note what an answer asks for. Returns the seconds that a refusal asks to wait, if any."""
        if status not in _ENDED and not self._gates and not _limited(headers):
            return None  # nearly all answers
        asked = retry_after(headers) if status in _ENDED else None
        wait = exhausted(headers) if asked is None else asked
        with self._lock:
            gate = self._gates.get(origin)
            if wait is None:
                if gate and status not in _ENDED:
                    self._set(origin, None)
                return None
            now = self._clock()
            refused = status in _ENDED
            if gate is None:
                self._set(origin, Gate(now + wait, int(refused)))
            else:
                refusals = gate.refusals + (refused and gate.opens <= now)
                self._set(origin, Gate(max(gate.opens, now + wait), refusals))
        return asked

    def _set(self, origin: str, gate: Gate | None) -> None:
        self._put(origin, gate)
        if self.heard is not None:
            self.heard(origin, gate)

    def _put(self, origin: str, gate: Gate | None) -> None:
        if gate is None:
            self._gates.pop(origin, None)
        else:
            self._gates[origin] = gate

    def known(self) -> dict[str, Gate]:
        """Returns what each host asks for, by its origin."""
        with self._lock:
            return dict(self._gates)

    def learn(self, origin: str, gate: Gate | None) -> None:
        """Take over what a process with the same clock was told; None: it may be asked again."""
        with self._lock:
            self._put(origin, gate)


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Returns the seconds of ``Retry-After`` (RFC 9110, 10.2.3), capped; None without one.

    A date is taken relative to the answer's own ``Date``, so that clocks need not agree, and to
    ``now`` (seconds since 1970) only where there is none.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return _capped(float(text))  # infinity, if it is too large
    then = _date(text)
    if then is None:
        return None
    stated = _date(headers.get("Date", ""))
    return _capped(then - (now() if stated is None else stated))


def _date(text: str) -> float | None:
    """Returns the seconds since 1970 of a date in a header, UTC unless it says otherwise."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _capped(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _limited(headers: Mapping[str, str]) -> bool:
    return "RateLimit" in headers or "RateLimit-Remaining" in headers


def exhausted(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Returns the seconds until requests are allowed again, capped, if the limit is used up.

    Where several limits are stated the longest wait counts. Some hosts state the end of the wait
    as a time since 1970: it is taken relative to the answer's ``Date``, else to ``now``.
    """
    resets = []
    for policy in headers.get("RateLimit", "").split('"'):
        stated: dict[str, str] = dict(_PAIR.findall(policy))
        left = stated.get("r", stated.get("remaining"))
        reset = stated.get("t", stated.get("reset"))
        if left is not None and not left.strip("0") and reset is not None:
            resets.append(float(reset))
    if headers.get("RateLimit-Remaining", "").strip() == "0":
        reset = headers.get("RateLimit-Reset", "").strip()
        if _SECONDS.fullmatch(reset):
            resets.append(float(reset))
    if not resets:
        return None
    stated_now = _date(headers.get("Date", ""))
    here = now() if stated_now is None else stated_now
    return max(_capped(reset - here if reset > _YEAR else reset) for reset in resets)
