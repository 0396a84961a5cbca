"""Carries out operators' orders for work of its own: a cycle, pruning, a repair.

The process that writes does so between cycles, and leaves the outcome for whoever gave the order.
An order for work that was cut off stays; it is carried out from its beginning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

from msgspec import to_builtins

from pypisync.catalog.db.pool import Stored
from pypisync.catalog.db.setting_names import CONFIGURATION
from pypisync.catalog.facts import pending
from pypisync.core.display import stays_at
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.prune import prune
from pypisync.cycle.record_run import reason
from pypisync.cycle.report import Report
from pypisync.cycle.rollback import WORK, Order
from pypisync.errors import PypiSyncError, Stopped
from pypisync.storage import orders
from pypisync.storage.orders import Outcome

CYCLE, PRUNE, REPAIR = WORK
_REHASH = "rehash"
_SIZES = "sizes"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def cycle(slip: str) -> Order:
    """Returns the order to run a cycle from its beginning."""
    return Order(CYCLE + slip, "now")


def pruning(slip: str) -> Order:
    """Returns the order to delete files that no generation and no proof needs any more."""
    return Order(PRUNE + slip, "now")


def repairing(slip: str, *, rehash: bool) -> Order:
    """Returns the order to check the disk and to repair it; ``rehash``: read every byte."""
    return Order(REPAIR + slip, _REHASH if rehash else _SIZES)


def pruned(mirror: Mirror) -> Outcome:
    """Prune. Returns what ``pypisync prune --json`` prints. Raises StorageError, CatalogError."""
    report = Report()
    return prunable(*prune(mirror, report), deleted=True, failed=report.failed)


def prunable(
    old: int, found: Sequence[Stored], *, deleted: bool, failed: Mapping[str, str] = _NOTHING
) -> Outcome:
    """Returns in numbers which generations and files were, or would be, deleted."""
    result: dict[str, Any] = {"deleted": deleted, "generations": old, "files": len(found)}
    result |= {"bytes": sum(item.size for item in found), "paths": [item.path for item in found]}
    result["sizes"] = [item.size for item in found]  # of the paths
    return Outcome(1 if failed else 0, (), {**result, "failed": dict(failed)})


def repaired(mirror: Mirror, *, rehash: bool) -> Outcome:
    """Repair. Returns what ``pypisync verify --repair --json`` prints.

    Raises StorageError, CatalogError, UpstreamError if upstream cannot be reached at all, and
    BundleError if bundles feed the mirror.
    """
    # Most cycles repair nothing, and need not wait for what does.
    from pypisync.cycle.repair import repair
    from pypisync.cycle.verify import Check

    check = Check(mirror.catalog, mirror.pool.root, mirror.watch, rehash=rehash)
    faults = list(check.all())
    outcome = repair(mirror, check, faults)
    said = [
        f"{kind}: {what}: {why}"
        for kind, reasons in (("failed", outcome.failed), ("held", outcome.held))
        for what, why in reasons.items()
    ]
    shown = [to_builtins(fault) | {"repaired": fault not in outcome.left} for fault in faults]
    return Outcome(1 if outcome.left else 0, said, {"faults": shown})


def do_ordered(mirror: Mirror) -> None:
    """Carry out what is ordered besides cycles.

    Raises StorageError, and Stopped: the order stays then.

    A fault of PypiSync is raised when all is tried and told.
    """
    faults: list[Exception] = []
    for order in orders.given(mirror.pool.root):
        if order.name.startswith(PRUNE):
            faults += _told(mirror, order, pruned)
        elif order.name.startswith(REPAIR):
            faults += _told(mirror, order, partial(repaired, rehash=order.text != _SIZES))
    if faults:
        raise faults[0]


def _told(mirror: Mirror, order: orders.Given, do: Callable[[Mirror], Outcome]) -> list[Exception]:
    """Carry out an order, and tell what came of it. Returns what nobody foresaw."""
    mirror.settled = None
    faults = []
    try:
        outcome = do(mirror)
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 - whoever waits would wait for ever
        outcome = _failure(error)
        faults += [] if isinstance(error, PypiSyncError) else [error]
    orders.tell(mirror.pool.root, [order], outcome)
    return faults


def _failure(error: Exception) -> Outcome:
    code = error.exit_code if isinstance(error, PypiSyncError) else 1
    return Outcome(code, [reason(error)])


@contextmanager
def cycle_told(mirror: Mirror) -> Iterator[Callable[[Report], None]]:
    """Within it a cycle runs. Yields what tells its report to those who asked for it before.

    It also records that the configuration is in use.

    An error is told as well, also to those whose order the cycle could not carry out. If the cycle
    is stopped, all orders stay. Raises StorageError.
    """
    root = mirror.pool.root
    asked = [order for order in orders.given(root) if order.name.startswith(CYCLE)]

    def told(report: Report) -> None:
        with mirror.catalog.begin() as connection:
            if pending.setting(connection, CONFIGURATION) != mirror.configuration:
                pending.set_setting(connection, CONFIGURATION, mirror.configuration)
        orders.tell(root, asked, _cycle_outcome(report))

    try:
        yield told
    except Stopped:
        raise
    except Exception as error:
        waiting = [o for o in orders.given(root) if o.slip and not o.name.startswith(WORK)]
        orders.tell(root, [*asked, *waiting], _failure(error))
        raise


def _cycle_outcome(report: Report) -> Outcome:
    said = [
        f"{kind}: {what}: {why}"
        for kind, reasons in (("failed", report.failed), ("held", report.held))
        for what, why in reasons.items()
    ]
    if report.frozen:
        said.append(f"frozen: {stays_at(report.frozen)}")
    return Outcome(report.exit_code, said, to_builtins(report))
