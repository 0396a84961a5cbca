"""Log lines on standard error: one event a fact, one field name a thing.

Lines are ``key=value`` for people, or JSON objects, one a line, for a journal. Every line of a
cycle carries its number as ``run``. What a line says is the caller's;
here it is made fit to be shown: no control characters, no credentials.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from pypisync.core.display import one_line, stays_at
from pypisync.errors import PypiSyncError, Stopped

if TYPE_CHECKING:
    from pypisync.cycle.report import Report

# structlog would bring in all of Rich to show tracebacks, which here are text before it sees them:
# 273 ms of processor time instead of 108 for every process that logs.
_rich = sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
import structlog  # noqa: E402

if _rich is None:
    del sys.modules["rich"]

EVENTS: Mapping[str, str] = {
    "started": "The daemon's process has started.",
    "serving": "The web server answers at `address`.",
    "replaced": "A serving process has ended by itself (`code`); another one has taken its place.",
    "leading": "This process has the right to write; `next` is the next cycle.",
    "standing_by": "Another process has the right to write, or it cannot be had: `reason`.",
    "lost": "The right to write was lost with its connection.",
    "requested": "An operator asked for a cycle, or left `orders`.",
    "reloaded": "A changed configuration is in use.",
    "refused": "A changed configuration is not used: `reason`.",
    "feed": "The changes of `index` are read by `kind` now; `reason`: why by no better feed.",
    "changelog": "A cycle reads upstream's changelog.",
    "names": "A cycle reads the list of all projects.",
    "projects": "A cycle reads the documents of `count` projects.",
    "requirements": "A cycle reads the requirements of `count` releases.",
    "wheels": "A cycle looks into `count` wheels, for what stops an installer.",
    "vulnerabilities": "A cycle asks for the known vulnerabilities of `count` releases.",
    "proofs": "A cycle proves `count` roots and groups.",
    "files": "A cycle fetches files; `bytes` of them are still to come.",
    "verify": "An import reads `bytes` of a bundle before anything changes.",
    "exported": "A `bundle` was written, with so many `files` and `bytes`.",
    "imported": "A `bundle` was imported, as `generation`.",
    "pages": "A cycle writes the pages of `count` projects.",
    "retry": "A host (`what`) is asked again after `seconds`, because of `reason`; told once a "
    "minute for each host.",
    "failed": "A project or a file (`what`) is set aside: `reason`.",
    "held": "A release is wanted and cannot be published yet: `reason`.",
    "frozen": "The index stays at `generation`, so a cycle published nothing newer, for `reason`.",
    "run": "A cycle is over: its `outcome`, and its figures or its `reason`; without `serial` if "
    "the index has none, and without `generation` if none was published.",
    "sweep": "So many projects are to be looked at again.",
    "rehash": "So many stored files were read again.",
    "damaged": "A stored file is not what it was; the next cycle fetches it anew.",
    "job": "A job other than a cycle failed; it is tried again.",
    "stopped": "A job ended before its time, as it was told to.",
    "stopping": "A signal asks the daemon to end.",
    "abandoned": "The cycle did not stop in five seconds, so the process ends; nothing is lost.",
    "ended": "The daemon has ended; `reason`: why, if it was not told to.",
    "warning": "The operator should know `reason`.",
}
"""Every event and what it says; the reference is made from it."""

_HELD_LISTED = 20  # the catalog and "status" have them all


def logger(*, as_json: bool, colors: bool = False) -> Any:
    """Returns the logger that writes lines to standard error, as JSON or for people."""
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
        self._run: dict[str, int] = {}  # its number, for the lines of other threads

    def begin(self, run: int) -> None:
        """From now on lines of this thread carry the run's number."""
        structlog.contextvars.bind_contextvars(run=run)
        self._run = {"run": run}

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Log that a step begins, and how much it has to do, if that is known and anything."""
        self._log.info(name, **({unit or "count": total} if total else {}))

    def advance(self, count: int = 1) -> None:
        """Does nothing: a line for each would say too much."""

    def received(self, count: int) -> None:
        """Does nothing."""

    def feed(self, index: str, kind: str, reason: str) -> None:
        """Log by which feed the changes of an index are read."""
        self._log.info("feed", index=index, kind=kind, reason=reason)

    def retry(self, what: str, reason: str, seconds: float) -> None:
        """Log that a host is asked again."""
        self._log.info("retry", what=what, reason=reason, seconds=round(seconds, 3), **self._run)

    def fault(self, what: str, reason: str) -> None:
        """Log what is set aside."""
        self._log.warning("failed", what=what, reason=reason)

    def warn(self, text: str) -> None:
        """Log a warning."""
        self._log.warning("warning", reason=text)

    def done(self, report: "Report") -> None:
        """Log what is held, and what the cycle did."""
        self._run = {}
        for release, reason in list(report.held.items())[:_HELD_LISTED]:
            self._log.warning("held", release=release, reason=reason)
        if report.frozen:
            self._log.info("frozen", generation=report.frozen, reason=stays_at(report.frozen))
        figures = to_builtins(report)
        figures["seconds"] = round(sum(report.seconds.values()), 3)
        figures["held"], figures["failed"] = len(report.held), len(report.failed)
        for name in ("serial", "generation", "frozen"):  # there may be none
            if not figures[name]:
                del figures[name]
        outcome = "incomplete" if report.exit_code else "done"
        self._log.info("run", outcome=outcome, **figures)

    def ended(self, error: PypiSyncError, outcome: str) -> None:
        """Log why the cycle ended before its time: no error if it was told to."""
        self._run = {}
        say = self._log.info if isinstance(error, Stopped) else self._log.error
        say("run", outcome=outcome, reason=str(error))


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            bare = re.sub(r"//[^/@\s]*@", "//***@", value)
            event[key] = bare if key == "exception" else one_line(bare)
    return event
