"""``plan``: what a sync would add and remove; nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from pypisync.cli.common import AsJson, ConfigFile, configured, count, show, show_json

if TYPE_CHECKING:
    from pypisync.catalog.publication.plan import Amount, Plan
    from pypisync.config.load import Config
    from pypisync.cycle.report import Report

_LISTED = 20
_SHARED = "(several roots)"
_UNMET = ("project", "version", "requirement", "reason")
_UNPROVEN = ("subject", "machines", "verdict", "why")
_Rows = list[tuple[str, ...]]


def plan(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show what a sync would add and remove, by root.

    Nothing is written. The figures of a root are those of the releases that would not come without
    it; releases that several roots call for are shown together. Roots and groups that would not be
    proven are named; what is inside their wheels is not known yet. Exit code 1 if something could
    not be read, or if more would come or go than the limits let one cycle add or remove.
    """
    understood = configured(config)
    difference, unmet, unproven, report = _find(understood)
    if as_json:
        limits = {"limits": understood.limits.model_dump(), "notes": _notes(understood, report)}
        show_json(_values(difference, unmet, unproven, report) | limits)
    else:
        _show(difference, unmet, unproven, report, understood)
    raise typer.Exit(1 if report.failed else 0)


def _find(config: "Config") -> "tuple[Plan, _Rows, _Rows, Report]":
    """Returns the plan, what nothing meets, the new verdicts that are no proof, and the report."""
    from pypisync.catalog.publication import rollback
    from pypisync.catalog.publication.plan import difference, unmet, unproven
    from pypisync.cli.terminal import on_terminal
    from pypisync.cycle import dropped, limits
    from pypisync.cycle.incoming import Incoming
    from pypisync.cycle.listen import listen
    from pypisync.cycle.report import Report
    from pypisync.cycle.settle import settle
    from pypisync.storage.pool import Pool
    from pypisync.wiring import open_mirror

    report = Report()
    with on_terminal() as watch, open_mirror(config, watch=watch, dry=True) as mirror:
        since = mirror.now()
        listen(mirror, report)
        with Incoming(mirror, ahead=False) as incoming:
            settle(mirror, report, incoming)
        with mirror.catalog.begin() as connection:
            found = difference(connection, since, Pool(config.destination).has)
            reason = limits.before_a_plan_comes_true(mirror, found)
            if reason and limits.LIMITS not in report.failed:
                report.failed[limits.LIMITS] = reason
            lacking, refuted = unmet(connection), unproven(connection)
            if frozen := rollback.frozen(connection):
                report.frozen = frozen.number
            if kept := dropped.before_a_plan_comes_true(mirror, connection):
                report.failed[dropped.DROPPED] = kept
            return found, lacking, refuted, report


def _notes(config: "Config", report: "Report") -> list[str]:
    from pypisync.core.display import stays_at

    frozen = f"{stays_at(report.frozen)}, and this comes true after that"
    return [*config.notes, *([frozen] if report.frozen else [])]


def _values(
    difference: "Plan", unmet: "_Rows", unproven: "_Rows", report: "Report"
) -> dict[str, Any]:
    from msgspec.structs import asdict

    values = asdict(difference)
    roots = [
        {"root": root or None, **asdict(amount)} for root, amount in _by_size(difference.roots)
    ]
    return {
        "serial": report.serial,
        **values,
        "roots": roots,
        "unmet": [dict(zip(_UNMET, row, strict=True)) for row in unmet],
        "unproven": [dict(zip(_UNPROVEN, row, strict=True)) for row in unproven],
        "failed": report.failed,
    }


def _by_size(roots: "Mapping[str, Amount]") -> "list[tuple[str, Amount]]":
    return sorted(roots.items(), key=lambda item: (-item[1].bytes, item[0]))


def _show(
    difference: "Plan", unmet: "_Rows", unproven: "_Rows", report: "Report", config: "Config"
) -> None:
    columns = ("", "releases", "files", "bytes")
    rows = [
        _row("add", difference.add),
        _row("of it to fetch", difference.fetch),
        _row("remove", difference.remove),
    ]
    show(f"Plan at serial {report.serial}" if report.serial else "Plan", columns, rows)
    show("Limits of one cycle", ("", "would add", "may add"), _limits(difference, config))
    if difference.roots:
        by_root = (_row(root or _SHARED, amount) for root, amount in _by_size(difference.roots))
        show("Added by root alone", columns, by_root)
    for title, what in (("Releases to add", "added"), ("Releases to remove", "removed")):
        found = getattr(difference, what)
        if found:
            show(title, ("", "release"), _first(what, [(release,) for release in found]))
    if unmet:
        rows_unmet = [(f"{name}=={version}", text, why) for name, version, text, why in unmet]
        head = ("", "release", "requirement", "reason")
        show("Unmet requirements", head, _first("unmet", rows_unmet))
    if unproven:
        told = [(subject, on, what, why.split("\n")[0]) for subject, on, what, why in unproven]
        show(
            "Roots and groups that would not be proven", ("", *_UNPROVEN), _first("unproven", told)
        )
    if report.failed:
        failed = list(report.failed.items())
        show("Failed", ("", "what", "reason"), _first("failed", failed))
    if notes := _notes(config, report):
        show("Notes", ("", "note"), (("note", note) for note in notes))


def _limits(difference: "Plan", config: "Config") -> Iterator[tuple[str, ...]]:
    from pypisync.core.display import show_size

    most = config.limits
    projects = "any" if most.projects is None else count(most.projects)
    size = "any" if most.bytes is None else show_size(most.bytes)
    yield "limits.projects", count(difference.add.projects), projects
    yield "limits.bytes", show_size(difference.fetch.bytes), size


def _row(name: str, amount: "Amount") -> tuple[str, ...]:
    from pypisync.core.display import show_size

    size = show_size(amount.bytes)
    if amount.unknown:
        size += f" and {count(amount.unknown, 'file')} of unknown size"
    return name, count(amount.releases), count(amount.files), size


def _first(kind: str, rows: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for row in rows[:_LISTED]:
        yield kind, *row
    if len(rows) > _LISTED:
        yield kind, f"and {count(len(rows) - _LISTED)} more: --json lists all"
