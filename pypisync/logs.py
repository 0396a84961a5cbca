"""Log lines on standard error: one event a fact, one field name a thing.

Lines are ``key=value`` for people, or JSON objects, one a line, for a journal. Every line of a
cycle carries its number as ``run``. The README lists all events. What a line says is the caller's;
here it is made fit to be shown: no control characters, no credentials.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pypisync.errors import PypiSyncError

if TYPE_CHECKING:
    from pypisync.sync import Report

# structlog would bring in all of Rich to show tracebacks, which here are text before it sees them.
_rich = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]

_HELD_LISTED = 20  # the catalog and "status" have them all


def logger(*, as_json: bool, colors: bool = False) -> Any:
    """Where lines are written to."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, repr_native_str=True)
    )
    return structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _clean,
            renderer,
        ],
        wrapper_class=structlog.BoundLogger,
    )


def quiet_libraries() -> None:
    """Let libraries log errors only: what matters of the rest is an event of our own."""
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s", stream=sys.stderr)


class Lines:
    """A display of cycles for a journal or a log file."""

    def __init__(self, *, as_json: bool = False, log: Any = None) -> None:
        self._log = log or logger(as_json=as_json)

    def begin(self, run: int) -> None:
        """From now on lines of this thread carry the run's number."""
        structlog.contextvars.bind_contextvars(run=run)

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Log that a step begins, and how much it has to do."""
        self._log.info(name, **({} if total is None else {unit or "count": total}))

    def advance(self, count: int = 1) -> None:
        """Nothing: a line for each would say too much."""

    def received(self, count: int) -> None:
        """Nothing."""

    def fault(self, what: str, reason: str) -> None:
        """Log what is set aside."""
        self._log.warning("failed", what=what, reason=reason)

    def warn(self, text: str) -> None:
        """Log a warning."""
        self._log.warning("warning", reason=text)

    def done(self, report: "Report") -> None:
        """Log what is held, and what the cycle did."""
        for release, reason in list(report.held.items())[:_HELD_LISTED]:
            self._log.warning("held", release=release, reason=reason)
        figures = asdict(report)
        figures["seconds"] = round(sum(report.seconds.values()), 3)
        figures["held"], figures["failed"] = len(report.held), len(report.failed)
        outcome = "incomplete" if report.exit_code else "done"
        self._log.info("run", outcome=outcome, **figures)

    def ended(self, error: PypiSyncError, outcome: str) -> None:
        """Log why the cycle ended before its time."""
        self._log.error("run", outcome=outcome, reason=str(error))


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            bare = re.sub(r"//[^/@\s]*@", "//***@", value)
            event[key] = bare if key == "exception" else _printable(bare)
    return event


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
