"""A cycle as log lines on standard error: one event a fact, one field name a thing.

Events are the steps of a cycle as it takes them (``changelog``, ``projects``, ``requirements``,
``files``, ``pages``), ``failed`` for what is set aside, ``held`` for a release that has to wait,
``warning``, and ``run`` at the end. Lines are ``key=value``, or JSON objects.
"""

import sys
from collections.abc import MutableMapping
from dataclasses import asdict
from typing import Any

import structlog

from pypisync.cli.common import clean
from pypisync.errors import PypiSyncError
from pypisync.sync import Report

_HELD_LISTED = 20  # the catalog and "status" have them all


class Lines:
    """A display of a cycle for a journal or a log file."""

    def __init__(self, *, as_json: bool) -> None:
        renderer: Any = (
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, repr_native_str=True)
        )
        self._log: Any = structlog.wrap_logger(
            structlog.WriteLogger(sys.stderr),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _clean,
                renderer,
            ],
            wrapper_class=structlog.BoundLogger,
        )

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

    def done(self, report: Report) -> None:
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
            event[key] = clean(value)
    return event
