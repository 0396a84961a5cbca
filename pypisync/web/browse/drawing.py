"""Plots and graphs as values for templates, which make SVG of them. Coordinates are pixels."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from pypisync.catalog.queries.why import Way

WIDTH, HEIGHT = 640, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 12, 12, 12, 12
_POINTS = 320  # more cannot be told apart

NODE_WIDTH, NODE_HEIGHT = 216, 44
_GAP_X, _GAP_Y = 44, 16
_LABEL = 22  # characters that a node has room for, also in a wide font
_WAYS = 6


class Plot(Struct, frozen=True):
    """A line over time. ``line`` and ``area`` are the ``d`` of SVG paths."""

    line: str
    area: str
    first: float  # the times at both ends
    last: float
    most: float
    newest: float
    count: int
    width: int = WIDTH
    height: int = HEIGHT


def plot(points: Sequence[tuple[float, float]], *, steps: bool) -> Plot | None:
    """Returns the plot of points (time, value); None for fewer than two times.

    ``steps``: a value holds until the next one.
    """
    points = sorted(points)  # the clock may have been set back
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    first, last = points[0][0], points[-1][0]
    most = max(value for _, value in points)
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    placed = [
        (
            _LEFT + wide * (at - first) / (last - first),
            _TOP + high * (1 - (value / most if most else 0)),
        )
        for at, value in _thinned(points)
    ]
    said = [f"M{placed[0][0]:.1f} {placed[0][1]:.1f}"]
    for x, y in placed[1:]:
        said.append(f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}")
    line = "".join(said)
    bottom = HEIGHT - _BOTTOM
    area = f"{line}V{bottom}H{placed[0][0]:.1f}Z"
    return Plot(line, area, first, last, most, points[-1][1], len(points))


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns at most twice ``_POINTS`` points; the largest of each group stays, and both ends."""
    size = -(-len(points) // _POINTS)
    if size == 1:
        return list(points)
    groups = (points[i : i + size] for i in range(0, len(points), size))
    peaks = (max(group, key=lambda point: point[1]) for group in groups)
    return sorted({points[0], *peaks, points[-1]})


class Box(Struct, frozen=True):
    """A node of a graph: where it is, its two lines, and the project that it leads to."""

    x: int
    y: int
    title: str
    detail: str
    project: str  # "": a root, which leads nowhere
    kind: str  # root, step or self


class Graph(Struct, frozen=True):
    """Roots at the left, the release that is asked about at the right."""

    boxes: Sequence[Box]
    lines: Sequence[str]  # the ``d`` of SVG paths
    width: int
    height: int
    box_width: int = NODE_WIDTH
    box_height: int = NODE_HEIGHT


def graph(project: str, version: str, ways: Sequence[Way]) -> Graph | None:
    """Returns the first ways to a release as a graph; None without a way."""
    shown = ways[:_WAYS]
    if not shown:
        return None
    columns: list[dict[tuple[str, str, str], None]] = []  # from the right to the left
    edges: dict[tuple[tuple[str, str, str], tuple[str, str, str]], None] = {}
    for way in shown:
        root = ("root", way.root.project, f"{way.root.selector}{_origin(way)}")
        steps = [("step", step.project, step.version) for step in way.steps]
        chain = [("self", project, version), *reversed(steps), root]
        for column, node in enumerate(chain):
            while len(columns) <= column:
                columns.append({})
            if not any(node in nodes for nodes in columns):
                columns[column][node] = None
        edges |= dict.fromkeys(pairwise(chain))
    return _laid(columns, list(edges))


def _laid(
    columns: Sequence[dict[tuple[str, str, str], None]],
    edges: Sequence[tuple[tuple[str, str, str], tuple[str, str, str]]],
) -> Graph:
    tallest = max(map(len, columns))
    height = tallest * (NODE_HEIGHT + _GAP_Y) - _GAP_Y + 2
    width = len(columns) * (NODE_WIDTH + _GAP_X) - _GAP_X + 2
    places: dict[tuple[str, str, str], tuple[int, int]] = {}
    for column, nodes in enumerate(columns):
        x = width - 1 - NODE_WIDTH - column * (NODE_WIDTH + _GAP_X)
        free = (tallest - len(nodes)) * (NODE_HEIGHT + _GAP_Y) // 2
        for row, node in enumerate(nodes):
            places[node] = x, 1 + free + row * (NODE_HEIGHT + _GAP_Y)
    boxes = [
        Box(x, y, _cut(title), _cut(detail), "" if kind == "root" else title, kind)
        for (kind, title, detail), (x, y) in places.items()
    ]
    return Graph(boxes, [_curve(places[above], places[below]) for below, above in edges],
                 width, height)  # fmt: skip


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + NODE_WIDTH, start[1] + NODE_HEIGHT // 2
    to_x, to_y = end[0], end[1] + NODE_HEIGHT // 2
    middle = (x + to_x) // 2
    return f"M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}"


def _origin(way: Way) -> str:
    return f" ({way.root.shown})" if way.root.origin else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
