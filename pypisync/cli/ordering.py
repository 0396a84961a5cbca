"""Has something done that only one process may do: here, or by the process that writes.

While another process writes, an order is left for it, and its outcome is waited for. If that
process ends first, the order is carried out here; a daemon that stood by may take it over.
"""

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from pypisync.errors import Busy, PypiSyncError, StorageError
from pypisync.storage import orders
from pypisync.storage.lock import holder
from pypisync.storage.orders import Given, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pypisync.config.load import Config
    from pypisync.cycle.mirror import Mirror
    from pypisync.cycle.rollback import Order
    from pypisync.storage.lock import Holder

_STEP = 0.1  # seconds between two looks for the outcome
_TRY = 2.0  # seconds between two tries to do it here
_GONE = 15.0  # seconds in which a daemon that stood by takes over


def work(config: "Config", order: "Order", slip: str, do: "Callable[[Mirror], Outcome]") -> Outcome:
    """Do work here, or order it and wait. Returns what came of it.

    On a disk that is full no order can be written, so it is tried here first. Raises StorageError,
    CatalogError, UpstreamError.
    """
    from pypisync.cli.terminal import on_terminal
    from pypisync.cycle.work import do_ordered
    from pypisync.wiring import open_mirror

    try:
        with on_terminal() as watch, open_mirror(config, watch=watch) as mirror:
            return do(mirror)
    except Busy:
        who = holder(config.destination)
        if who is None or not who.daemon:
            raise
        with _interruptible():
            return _wait(config, order.give(config.destination, slip), do_ordered)


def state(config: "Config", order: "Order", slip: str) -> Outcome:
    """Order another state of the index, and see it carried out, here or by the other process.

    Returns what came of it. Raises StorageError, CatalogError, UpstreamError.
    """
    from pypisync.cycle.report import Report
    from pypisync.cycle.resume import resume

    def do(mirror: "Mirror") -> None:
        resume(mirror, Report())

    given = order.give(config.destination, slip)
    with _interruptible():
        return _here(config, given, do) or _wait(config, given, do)


def cycle(config: "Config", order: "Order", slip: str) -> Outcome:
    """Order a cycle of a daemon, and wait for it. Returns what came of it.

    Raises StorageError if there is no daemon.
    """
    with _interruptible():
        return _wait(config, order.give(config.destination, slip), None)


def _here(config: "Config", given: Given, do: "Callable[[Mirror], None]") -> Outcome | None:
    """Carry it out here. Returns None if another process writes."""
    from pypisync.cli.terminal import on_terminal
    from pypisync.wiring import open_mirror

    try:
        with on_terminal() as watch, open_mirror(config, watch=watch) as mirror:
            do(mirror)
    except Busy:
        return None
    except PypiSyncError:
        orders.withdraw(config.destination, given)
        raise
    return orders.heard(config.destination, given)


def _wait(config: "Config", given: Given, do: "Callable[[Mirror], None] | None") -> Outcome:
    """Wait for the outcome. ``do`` carries it out here once nobody writes any more."""
    root, seen, tried = config.destination, time.monotonic(), time.monotonic()
    _tell(holder(root))
    while True:
        if outcome := orders.heard(root, given):
            return outcome
        time.sleep(_STEP)
        now, who = time.monotonic(), holder(root)
        if who is not None:
            seen = now
        elif do is None:
            if now > seen + _GONE and orders.withdraw(root, given):
                raise StorageError("the daemon has ended, and no other has taken over")
        elif now > tried + _TRY:
            tried = now
            if outcome := _here(config, given, do):
                return outcome


@contextmanager
def _interruptible() -> "Iterator[None]":
    """Within it Ctrl-C (SIGINT) ends the command, and leaves the order."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("the order stays: it will be carried out", err=True)
        raise typer.Exit(130) from None


def _tell(who: "Holder | None") -> None:
    when = "before it publishes or deletes anything"
    doer = str(who) if who else "another process"
    asked = "was asked for it" if who and who.daemon else "is at work"
    typer.echo(f"{doer} {asked}, and does it {when}; waiting", err=True)
