"""Figures, and how they are shown: a table for people, JSON for programs."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured in several runs; without values it is a remark."""

    name: str
    values: tuple[float, ...] = ()
    unit: str = ""
    digits: int = 2
    note: str = ""

    def text(self) -> str:
        """The median, and the lowest and highest beside it."""
        if not self.values:
            return "-"
        shown = [
            f"{value:,.{self.digits}f}"
            for value in (statistics.median(self.values), min(self.values), max(self.values))
        ]
        return shown[0] if len(set(shown)) == 1 else f"{shown[0]} ({shown[1]}-{shown[2]})"


Figures = list[Figure]


def figure(
    name: str, values: Sequence[float], unit: str = "", digits: int = 2, note: str = ""
) -> Figure:
    """A figure of any sequence of values."""
    return Figure(name, tuple(values), unit, digits, note)


def remark(name: str, note: str) -> Figure:
    """Why something was not measured."""
    return Figure(name, note=note)


def ratio(name: str, ours: Sequence[float], theirs: Sequence[float], note: str = "") -> Figure:
    """How many times theirs ours is, pair by pair as they ran."""
    return figure(name, [a / b for a, b in zip(ours, theirs, strict=True)], "times", note=note)


def table(title: str, figures: Sequence[Figure]) -> str:
    """One workload as lines of text."""
    lines = [title]
    for found in figures:
        text = f"  {found.name:<44} {found.text():>26} {found.unit:<6} {found.note}"
        lines.append(text.rstrip())
    return "\n".join(lines)


def as_json(results: Mapping[str, Sequence[Figure]]) -> str:
    """All workloads, with every single value."""
    document = {
        name: [
            {
                "figure": found.name,
                "median": statistics.median(found.values) if found.values else None,
                "values": list(found.values),
                "unit": found.unit,
                "note": found.note,
            }
            for found in figures
        ]
        for name, figures in results.items()
    }
    return json.dumps(document, indent=2)
