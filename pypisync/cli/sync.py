"""``sync``, which a signal ends at a safe point, and ``prune``: a cycle, or its last step alone."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, configured, count, say, show, show_json
from pypisync.errors import ConfigError, PypiSyncError, Stopped, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pypisync.cli.progress import Display
    from pypisync.config.load import Config
    from pypisync.cycle.mirror import Mirror
    from pypisync.cycle.report import Report
    from pypisync.cycle.rollback import Order
    from pypisync.storage.lock import Holder
    from pypisync.storage.orders import Given, Outcome

_INSTEAD = 'add "--now" to ask it for a cycle'
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Whether the process was asked to end; calling it tells."""

    def __init__(self) -> None:
        self._number = 0

    def __call__(self) -> bool:
        """Returns whether to stop."""
        return self._number != 0

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells count; 0 if there was none."""
        return 128 + self._number if self._number else 0

    @property
    def name(self) -> str:
        """The signal, such as SIGTERM; "" if there was none."""
        return signal.Signals(self._number).name if self._number else ""

    def take(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal, and let the next one end the process."""
        self._number = number
        for name in _SIGNALS:
            default = signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL
            signal.signal(name, default)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Returns a context in which SIGTERM and SIGINT (Ctrl-C) only ask to stop.

    The second signal ends the process at once.
    """
    stop = Stop()
    before = {number: signal.signal(number, stop.take) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sync(
    *,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log to standard error as lines of JSON.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Ask the daemon for a cycle, and do not wait for it.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --now: wait for the cycle, end as it does.")
    ] = False,
    no_limits: Annotated[
        bool, typer.Option("--no-limits", help="Let the next cycle add more than limits allow.")
    ] = False,
    accept_removals: Annotated[
        bool,
        typer.Option(
            "--accept-removals",
            help="Remove what upstream denies and what nothing asks for any more, however much.",
        ),
    ] = False,
) -> None:
    """Bring the mirror up to date: one cycle.

    A stop by SIGINT (Ctrl-C) or SIGTERM leaves what is done, and the next run goes on from there.
    """
    understood = configured(config)
    orders = _orders(no_limits=no_limits, accept_removals=accept_removals)
    if now:
        _ask_daemon(understood, orders, wait=wait, as_json=as_json)
        return
    if wait:
        raise ConfigError(["--wait waits for the daemon's cycle: say --now as well"])
    with stopping() as stop:
        report = _cycle(understood, stop, log_json=log_json, orders=orders)
    if as_json:
        show_json(report)
    raise typer.Exit((report.exit_code and stop.exit_code) or report.exit_code)


def _orders(*, no_limits: bool, accept_removals: bool) -> "list[Order]":
    from pypisync.cycle import rollback

    wanted = (no_limits, rollback.no_limits), (accept_removals, rollback.accept_removals)
    return [order() for given, order in wanted if given]


def _ask_daemon(config: "Config", orders: "Sequence[Order]", *, wait: bool, as_json: bool) -> None:
    from pypisync.storage.lock import holder
    from pypisync.storage.orders import withdraw

    who = holder(config.destination)
    if who is None or not who.daemon:
        raise StorageError("no daemon is running for this mirror: leave out --now to sync here")
    given = [order.give(config.destination) for order in orders]
    try:
        if wait:
            _wait(config, as_json=as_json)
        _wake(who)
    except StorageError:
        for order in given:
            withdraw(config.destination, order)
        raise
    typer.echo(f"asked {who} for a cycle")


def _wait(config: "Config", *, as_json: bool) -> None:
    """Wait for the daemon's cycle. Raises Exit with its exit code."""
    from pypisync.cli import ordering
    from pypisync.cycle.work import cycle
    from pypisync.storage.orders import slip

    number = slip()
    outcome = ordering.cycle(config, cycle(number), number)
    say(outcome.said)
    result = outcome.result
    if as_json:
        show_json(result)
    elif result:
        published = f"generation {result['generation']}" if result["generation"] else "no change"
        serial = f"serial {result['serial']}, " if result["serial"] else ""
        typer.echo(f"{serial}{published}")
    raise typer.Exit(outcome.exit_code)


def _wake(daemon: "Holder") -> None:
    """Ask a daemon for a cycle. Raises StorageError."""
    if not daemon.here:
        raise StorageError(f"{daemon} is on another machine: ask there")
    try:
        os.kill(daemon.pid, signal.SIGUSR1)
    except OSError as error:
        raise StorageError(f"{daemon} cannot be asked: {error.strerror}") from None


def _cycle(config: "Config", stop: Stop, *, log_json: bool, orders: "Sequence[Order]") -> "Report":
    from pypisync.cycle.sync import sync_once
    from pypisync.cycle.work import cycle_told, do_ordered
    from pypisync.wiring import open_mirror

    with ExitStack() as stack:
        display = _display(stack, log_json=log_json)
        _warn_of_sqlite(config, display)
        for note in config.notes:
            display.warn(note)
        try:
            opened = open_mirror(config, watch=display, stop=stop, instead=_INSTEAD)
            mirror = stack.enter_context(opened)
            given = [order.give(config.destination) for order in orders]
            stack.callback(_take_back, mirror, stop, given)
            with cycle_told(mirror) as told:
                report = sync_once(mirror)
                told(report)
            do_ordered(mirror)
        except PypiSyncError as error:
            if not stop():
                display.ended(error, "failed")
                raise typer.Exit(error.exit_code) from None
            said = Stopped(f"{stop.name}: what is done stays, the next run goes on from there")
            display.ended(said, "stopped")
            raise typer.Exit(stop.exit_code) from None
        display.done(report)
        return report


def _take_back(mirror: "Mirror", stop: "Stop", given: "Sequence[Given]") -> None:
    """Whoever stops a cycle does not want the next one to do without limits."""
    from pypisync.cycle.sync import end_permissions
    from pypisync.storage.orders import withdraw

    if stop():
        for order in given:
            withdraw(mirror.pool.root, order)
        end_permissions(mirror)


def _display(stack: ExitStack, *, log_json: bool) -> "Display":
    if sys.stderr.isatty() and not log_json:
        from pypisync.cli.progress import Bars

        return stack.enter_context(Bars())
    from pypisync.logs import Lines

    return Lines(as_json=log_json)


def _warn_of_sqlite(config: "Config", display: "Display") -> None:
    from pypisync.catalog.db.engine import sqlite_warning

    warning = sqlite_warning()
    if warning and config.database_url.startswith("sqlite"):
        display.warn(warning)


def prune(
    *,
    config: ConfigFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete files that nobody needs any more, and forget old generations.

    Generations past their retention; files off the pages for longer than the grace period that no
    generation lists which is kept. As the end of a sync does.
    """
    from pypisync.catalog.db.reader import Reader

    understood = configured(config)
    with Reader(understood.database_url):
        pass  # there is a catalog: nothing is to be created here
    outcome = _prunable(understood) if dry_run else _pruned(understood)
    say(outcome.said)
    if as_json:
        show_json(outcome.result)
    elif outcome.result:
        _show_pruned(outcome.result)
    raise typer.Exit(outcome.exit_code)


def _show_pruned(result: "Mapping[str, Any]") -> None:
    from pypisync.core.display import show_size

    if not result["deleted"]:
        sizes = zip(result["paths"], result["sizes"], strict=True)
        show("Files", ("path", "size"), ((path, show_size(size)) for path, size in sizes))
    done = "deleted" if result["deleted"] else "would go"
    figures = (count(result["files"]), show_size(result["bytes"]), count(result["generations"]))
    show("Prune", ("", "files", "bytes", "generations"), [(done, *figures)])
    say(f"{what}: {reason}" for what, reason in result["failed"].items())


def _pruned(config: "Config") -> "Outcome":
    from pypisync.cli import ordering
    from pypisync.cycle import work
    from pypisync.storage.orders import slip

    number = slip()
    return ordering.work(config, work.pruning(number), number, work.pruned)


def _prunable(config: "Config") -> "Outcome":
    """Returns how many generations would be forgotten, and the files that would be deleted."""
    import time

    from pypisync.catalog.db.transactions import Catalog
    from pypisync.catalog.publication import retention
    from pypisync.cycle.work import prunable
    from pypisync.storage.exports import Exports

    catalog = Catalog(config.database_url, writer=False)
    now = time.time()
    off_pages, replaced = now - config.grace, now - config.retention
    with closing(catalog), catalog.begin() as connection:
        needed = Exports(config.destination).reached()
        old = retention.old_generations(connection, replaced, needed)
        unneeded = retention.unneeded(connection, off_pages, replaced, needed)
        return prunable(old, unneeded, deleted=False)
