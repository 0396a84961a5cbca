"""A cycle as progress bars on standard error, for a person at a terminal.

One bar a step: items done for what is read, and bytes with rate and time left for files. What is
set aside is printed above them when it happens.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from pypisync.cli.common import clean, count, span, wait_told
from pypisync.core.display import show_size, stays_at
from pypisync.cycle.mirror import Watch
from pypisync.cycle.report import Report
from pypisync.errors import PypiSyncError

_LISTED = 10  # of what is held or failed


class Display(Watch, Protocol):
    """A watch that is also told how the cycle ends."""

    def warn(self, text: str) -> None:
        """Show something that the operator should know."""

    def done(self, report: Report) -> None:
        """Tell that the cycle has come to its end."""

    def ended(self, error: PypiSyncError, outcome: str) -> None:
        """Tell that the cycle ended before its time, as stopped or failed."""


class _Amount(ProgressColumn):
    """How much is done: items, or bytes and their rate."""

    def render(self, task: Task) -> Text:
        done, total = int(task.completed), task.total
        if not task.fields["bytes"]:
            came = f", {show_size(task.fields['came'])}" if task.fields["came"] else ""
            return Text(f"{done:,}" + ("" if total is None else f"/{int(total):,}") + came)
        text = show_size(done) + ("" if total is None else f"/{show_size(int(total))}")
        return Text(text + (f" {show_size(int(task.speed))}/s" if task.speed else ""))


class Bars:
    """A display of a cycle for a terminal; used as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            _Amount(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._now: TaskID | None = None
        self._bytes = False

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, run: int) -> None:
        """Does nothing: there is one run to see."""

    def step(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Show a bar; a step that comes again (another round) makes its bar longer."""
        self._finish()
        self._bytes = unit == "bytes"
        task = self._tasks.get(name)
        if task is None:
            task = self._progress.add_task(name, total=total, bytes=self._bytes, came=0)
            self._tasks[name] = task
        else:
            before = self._progress.tasks[self._progress.task_ids.index(task)].total
            self._progress.update(task, total=(before or 0) + (total or 0))
        self._now = task

    def advance(self, count: int = 1) -> None:
        """Move the bar of the step that is under way."""
        if self._now is not None and not self._bytes:
            self._progress.advance(self._now, count)

    def received(self, count: int) -> None:
        """Move the bar if it counts bytes; else show how many have come."""
        if self._now is not None and self._bytes:
            self._progress.advance(self._now, count)
        elif self._now is not None:
            task = self._progress.tasks[self._progress.task_ids.index(self._now)]
            self._progress.update(self._now, came=task.fields["came"] + count)

    def feed(self, index: str, kind: str, reason: str) -> None:
        """Print by which feed the changes of an index are read."""
        why = f" ({reason})" if reason else ""
        self._print("feed", f"the changes of {index} are read by {kind}{why}")

    def retry(self, what: str, reason: str, seconds: float) -> None:
        """Print that a host is asked again."""
        self._print("retry", wait_told(what, reason, seconds))

    def fault(self, what: str, reason: str) -> None:
        """Print what is set aside."""
        self._print("failed", f"{what}: {reason}")

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._print("warning", text)

    def done(self, report: Report) -> None:
        """Replace the bars by a summary."""
        self._progress.stop()
        table = Table.grid(padding=(0, 2))
        for name, text in _summary(report):
            table.add_row(Text(name, "bold"), Text(clean(text)))
        self._console.print(table)

    def ended(self, error: PypiSyncError, outcome: str) -> None:
        """Take the bars away and print why."""
        self._progress.stop()
        self._print(outcome, str(error))

    def _print(self, kind: str, text: str) -> None:
        lines = "\n".join(map(clean, text.splitlines()))
        self._console.print(Text(f"{kind}: ", "bold") + Text(lines), soft_wrap=True)

    def _finish(self) -> None:
        """End the bar of a step whose extent was not known."""
        if self._now is not None:
            task = self._progress.tasks[self._progress.task_ids.index(self._now)]
            if task.total is None:
                self._progress.update(self._now, total=1, completed=1)


def _summary(report: Report) -> Iterator[tuple[str, str]]:
    published = f"generation {report.generation}" if report.generation else "nothing new"
    if report.serial:
        yield "serial", str(report.serial)
    read = f"{count(report.projects_read, 'project')}, {count(report.releases_read, 'release')}"
    yield "read", read
    yield "fetched", f"{count(report.files, 'file')}, {show_size(report.bytes)}"
    yield "published", f"{published}, {count(report.pages, 'page file')} written"
    if report.frozen:
        yield "frozen", stays_at(report.frozen)
    yield "pruned", count(report.pruned, "file")
    yield "time", span(sum(report.seconds.values()))
    for kind, reasons in (("held", report.held), ("failed", report.failed)):
        for what, reason in list(reasons.items())[:_LISTED]:
            yield kind, f"{what}: {reason}"
        if len(reasons) > _LISTED:
            yield kind, f"and {count(len(reasons) - _LISTED)} more: --json has them all"
