"""The first page: how the mirror is, what is wrong first; and the pages of what is wrong."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import problems
from pypisync.catalog.queries.status import Status
from pypisync.web.browse.paging import Paging
from pypisync.web.browse.units import span
from pypisync.web.health import Health

_FIRST = 10  # problems of a kind that are shown beside others


class Alarm(Struct, frozen=True):
    """Something that is wrong. ``grave``: clients or the operator's trust suffer from it."""

    text: str
    link: str  # a page, relative to the site; "": none
    grave: bool = False


def overview(health: Health, now: float) -> Mapping[str, Any]:
    """Returns the values of the first page."""
    reading = health.read()
    reasons = health.unready(reading)
    found = reading.status
    alarms = [Alarm(f"Not ready: {_for_people(one)}.", "", grave=True) for one in reasons]
    if reading.outlook is not None and reading.outlook.refused:
        text = f"The daemon does not use the configuration as it is: {reading.outlook.refused[1]}"
        alarms.append(Alarm(text, "", grave=True))
    if found is not None:
        alarms += _alarms(found)
    return {
        "now": now,
        "ready": not reasons,
        "alarms": alarms,
        "status": found,
        "outlook": reading.outlook,
    }


def _alarms(found: Status) -> Iterator[Alarm]:
    if found.finished and found.finished.outcome in {"failed", "stopped"}:
        yield Alarm(f"The last cycle {_ENDS[found.finished.outcome]}.", "", grave=True)
    if found.refusal:
        yield Alarm(f"No bundle can be imported: {found.refusal}", "", grave=True)
    if found.broken:
        yield Alarm(
            f"An index denies more projects than limits allow, so nothing is removed: "
            f"{found.broken[1]}.",
            "",
            grave=True,
        )
    if found.frozen:
        yield Alarm(
            f"The index stays at generation {found.frozen[0]} after a rollback.",
            f"generations/{found.frozen[0]}",
        )
    failed = len(found.finished.failed) if found.finished else 0
    failing = found.pending.failing if found.pending else 0
    unproven = sum(found.proofs.counts[one] for one in ("refuted", "undecided", "blocked"))
    for count, one, many, kind in (
        (failing, "project could not be read", "projects could not be read", "pending"),
        (failed, "thing failed in the last cycle", "things failed in the last cycle", "failed"),
        (found.held, "release is held", "releases are held", "held"),
        (found.vulnerable, "release is vulnerable", "releases are vulnerable", "vulnerable"),
        (len(found.quarantined), "quarantine by upstream", "quarantines by upstream",
         "quarantined"),
        (unproven, "pair of root and machine is not proven",
         "pairs of root and machine are not proven", "unproven"),
        (found.unmet, "requirement is unmet", "requirements are unmet", "unmet"),
    ):  # fmt: skip
        if count:
            yield Alarm(f"{count:,} {one if count == 1 else many}", f"problems/{kind}")


def _for_people(reason: str) -> str:
    """Returns a reason with its seconds in a larger unit."""
    return _SECONDS.sub(
        lambda found: f"{span(float(found[1]))} ago, more than {span(float(found[2]))}", reason
    )


_SECONDS = re.compile(r"(\d+) seconds ago, more than (\d+)")
_ENDS = {"failed": "failed", "stopped": "was stopped"}


def every_kind(reader: Reader, health: Health) -> Mapping[str, Any]:
    """Returns the values of the page with the first problems of each kind."""
    shown = []
    for name, kind in _kinds().items():
        rows, total = _rows(reader, health, name, 0, _FIRST)
        shown.append((name, kind, rows, total))
    return {"kinds": [one for one in shown if one[3]], "none": [one for one in shown if not one[3]]}


def one_kind(reader: Reader, health: Health, name: str, number: int) -> Mapping[str, Any] | None:
    """Returns the values of a page with problems of one kind; None: there is no such kind."""
    kind = _kinds().get(name)
    if kind is None:
        return None
    paging = Paging(number)
    rows, total = _rows(reader, health, name, paging.offset, paging.size)
    return {"name": name, "kind": kind, "rows": rows, "paging": paging.of(total)}


_FAILED = problems.Kind(
    "Failures of the last cycle",
    "What could not be read or fetched; the next cycle tries again.",
    ("what", "reason"),
    "",
    "",
)


def _kinds() -> Mapping[str, problems.Kind]:
    return {"failed": _FAILED, **problems.KINDS}


def _rows(
    reader: Reader, health: Health, name: str, offset: int, most: int
) -> tuple[list[Any], int]:
    if name != "failed":
        return problems.problems(reader, name, offset=offset, most=most), problems.count(
            reader, name
        )
    found = health.read().status
    failed = sorted((found.finished.failed if found and found.finished else {}).items())
    return failed[offset : offset + most], len(failed)
