"""Going back to a published state, and staying there until an operator says otherwise.

An order freezes the index to a generation. From then on every cycle learns and fetches as always,
but publishes that generation, not the newest state, until another order lets it follow upstream
again. Orders wait as files until whoever writes carries them out, so they can be given while a
daemon runs; carrying one out twice is the same as once.
"""

from pathlib import Path

from msgspec import Struct, field, structs

from pypisync.catalog.bundles import fed
from pypisync.catalog.db import pool
from pypisync.catalog.db.transactions import Catalog, Transaction
from pypisync.catalog.facts import missing, pending
from pypisync.catalog.facts.policy import barred_among
from pypisync.catalog.publication import generations, retention, rollback, runs
from pypisync.core.filters.policy import Policy
from pypisync.cycle import limits, removals
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.publish import write_generation
from pypisync.storage import orders

_INDEX = "index"
_FOLLOW = "follow"
_NAME = "name-"
_NOTHING = "nothing"
_LIMITS = "limits"
_LIFT = "lift"
_REMOVALS = "removals"
_ACCEPT = "accept"
_FOR_A_CYCLE = (_LIMITS, _REMOVALS)
WORK = ("cycle-", "prune-", "repair-")  # orders for work of its own begin so


class Order(Struct, frozen=True):
    """What an operator wants of the process that writes."""

    name: str
    text: str

    def give(self, root: Path, slip: str = "") -> orders.Given:
        """Write the order into the mirror's folder. Returns it as given. Raises StorageError."""
        return orders.give(root, self.name, self.text, slip)


def to_generation(number: int) -> Order:
    """Returns the order to go back to this generation and to stay there."""
    return Order(_INDEX, str(number))


def follow() -> Order:
    """Returns the order to follow upstream again."""
    return Order(_INDEX, _FOLLOW)


def named(name: str, number: int | None) -> Order:
    """Returns the order to let a name stand for a generation; None: for no generation."""
    return Order(_NAME + name, _NOTHING if number is None else str(number))


def no_limits() -> Order:
    """Returns the order to let the next cycle add more than the limits allow."""
    return Order(_LIMITS, _LIFT)


def accept_removals() -> Order:
    """Returns the order to accept all removals in the next cycle.

    What upstream denies counts as gone, and what no root needs any more is dropped.
    """
    return Order(_REMOVALS, _ACCEPT)


class Stay(Struct):
    """What staying at a generation took."""

    to: int = 0  # the generation that the index stays at
    number: int = 0  # of the generation that was published; 0: nothing was
    pages: int = 0  # page files written
    failed: dict[str, str] = field(default_factory=dict)  # files that had to leave the pages


def obey(mirror: Mirror, *, begins: bool = False) -> dict[str, str]:
    """Carry out what operators have ordered. Returns what could not be done, with the reason.

    What holds for one cycle waits for one that ``begins``: a cycle under way could not use it any
    more, but would end it. What stands for work of its own is left to :mod:`pypisync.cycle.work`.
    That the index is to be another one is told when it is: by :func:`stay`. Raises StorageError.
    """
    root = mirror.pool.root
    failed: dict[str, str] = {}
    for order in orders.given(root):
        if order.name.startswith(WORK) or (order.name in _FOR_A_CYCLE and not begins):
            continue
        reason = _carry_out(mirror, order.name, order.text)
        if reason:
            what = f"order {order.name} {order.text}"
            failed[what] = reason
            mirror.watch.fault(what, reason)
            orders.tell(root, [order], orders.Outcome(4, [reason]))
        elif order.name != _INDEX:
            orders.tell(root, [order], orders.Outcome())
    return failed


def _carry_out(mirror: Mirror, name: str, text: str) -> str:
    """Returns why it cannot be done; "" if it is done."""
    number = _number(text)
    with mirror.catalog.begin() as connection:
        if name.startswith(_NAME) and text == _NOTHING:
            retention.drop_name(connection, name.removeprefix(_NAME))
        elif name == _INDEX and text == _FOLLOW:
            rollback.thaw(connection)
        elif (name, text) == (_LIMITS, _LIFT):
            limits.lift(connection)
        elif (name, text) == (_REMOVALS, _ACCEPT):
            missing.confirm(connection)
            removals.accept(connection)
        elif number is None or not (name.startswith(_NAME) or name == _INDEX):
            return "not an order"
        elif name.startswith(_NAME):
            if not retention.give_name(connection, name.removeprefix(_NAME), number):
                return f"there is no generation {number}"
        else:
            lost = set(rollback.missing(connection, rollback.needed(connection, number)))
            # What the policy bars stays away, and stands in the way of nothing.
            lost -= barred_among(connection, lost, mirror.rules.bars)
            if lost:
                return f"not stored any more: {', '.join(sorted(lost))}"
            if not rollback.freeze(connection, number, mirror.now()):
                return f"there is no generation {number}"
    return ""


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def is_free(connection: Transaction) -> bool:
    """Returns whether the index follows upstream: it is not frozen, and no bundle has fed it.

    Raises CatalogError.
    """
    return rollback.frozen(connection) is None and fed.fed(connection) is None


def stay(mirror: Mirror, *, free: bool) -> Stay | None:
    """Publish what the index is frozen to, unless it is ``free``. Returns None if it is not frozen.

    Where bundles feed the mirror, it is then what the last one led to. Raises StorageError,
    CatalogError.
    """
    root = mirror.pool.root
    given = [order for order in orders.given(root) if order.name == _INDEX]
    done = None if free else _stay(mirror)
    if done is None:
        orders.tell(root, [order for order in given if order.text == _FOLLOW], orders.Outcome())
    else:
        said = [f"{what}: {why}" for what, why in done.failed.items()]
        outcome = orders.Outcome(4 if said else 0, said)
        orders.tell(root, [order for order in given if _number(order.text) == done.to], outcome)
    return done


def _stay(mirror: Mirror) -> Stay | None:
    done = Stay()
    with mirror.catalog.begin() as connection:
        to = rollback.frozen(connection)
        if to is None:
            back = _to_last_bundle(connection, mirror.now())
        else:
            done.to = to.number
            done.number, lost = rollback.repeat(connection, to, mirror.now())
            runs.set_held(connection, {}, mirror.now())
    if to is None:
        if back:
            write_generation(mirror, back)
        return None
    for path in lost:
        filename = path.rpartition("/")[2]
        done.failed[filename] = "not stored any more: it has left the pages"
        mirror.watch.fault(filename, done.failed[filename])
    if done.number:
        done.pages = write_generation(mirror, done.number)
    return done


def _to_last_bundle(connection: Transaction, now: float) -> int:
    """Make what the last bundle has led to the newest generation again, if bundles feed the mirror.

    Returns the number of the generation that is made for it; 0: none is.
    """
    last = fed.fed(connection)
    if last is None or generations.generation(connection)[0] == last.number:
        return 0
    serial = pending.serial(connection) or 0
    number, _ = rollback.repeat(connection, rollback.Frozen(last.number, serial), now)
    if number:
        fed.set_fed(connection, structs.replace(last, number=number))
    return number


def damage(catalog: Catalog, root: Path, number: int, policy: Policy) -> dict[str, str]:
    """Returns why files that going back to a generation needs cannot be had, by their paths.

    What the policy bars is not needed. Every byte of the rest is read. Raises CatalogError,
    and Malformed for a path on record that leaves the mirror.
    """
    from pypisync.storage.check import check_files

    with catalog.begin() as connection:
        wanted = rollback.needed(connection, number)
        away = set(rollback.missing(connection, wanted))
        lost = away - barred_among(connection, away, policy)
        there = pool.stored_among(
            connection, [file.path for file in wanted if file.path not in away]
        )
    expected = ((file.path, file.sha256, file.size) for file in there.values())
    return dict.fromkeys(sorted(lost), "deleted, or found damaged") | {
        fault.path: fault.detail for fault in check_files(root, expected, rehash=True)
    }
