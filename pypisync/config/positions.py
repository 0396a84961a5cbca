"""Where each key and each list item of a JSON5 document stands.

The parser gives values without positions; an operator needs the line. This reads the tokens of
JSON5 (https://spec.json5.org) only as far as that takes, and trusts that the text has already
been parsed without error. A key written with escapes is not decoded: it is found under its
parent only.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

KeyPath = tuple[str | int, ...]  # keys and list indices, from the outside in
Place = tuple[int, int]  # line and column, both from 1

_TOKENS = re.compile(
    r"""
      //[^\n\r\u2028\u2029]* | /\*.*?\*/                # comments
    | (?P<punctuation>[{}\[\],:])
    | "(?P<double>(?:\\.|[^"\\])*)"
    | '(?P<single>(?:\\.|[^'\\])*)'
    | (?P<word>[^\s\ufeff{}\[\],:"'/]+)                 # an unquoted key, a number, true, null
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE_END = re.compile(r"\r\n|[\n\r\u2028\u2029]")


class Positions(Struct, frozen=True):
    """Places by path: of a member its key, of a list item its first character."""

    places: Mapping[KeyPath, Place]
    repeated: tuple[tuple[KeyPath, Place], ...]  # keys that their object already has

    def of(self, path: KeyPath) -> Place:
        """Returns the place of ``path``, or of the nearest thing around it.

        The document itself is at (1, 1).
        """
        for length in range(len(path), 0, -1):
            if place := self.places.get(path[:length]):
                return place
        return 1, 1


def positions(text: str) -> Positions:
    """Returns the places of everything in ``text``, a valid JSON5 document."""
    scan = _Scan([0] + [end.end() for end in _LINE_END.finditer(text)])
    for token in _TOKENS.finditer(text):
        if token["punctuation"]:
            scan.punctuation(token["punctuation"], token.start())
        elif token.lastgroup:
            scan.scalar(token[token.lastgroup], token.start())
    return Positions(scan.places, tuple(scan.repeated))


class _Scan:
    """The containers that are open, and what was found so far."""

    def __init__(self, line_starts: list[int]) -> None:
        self.line_starts = line_starts
        self.line = 0
        # One step for each open container: its current index or key; None: a key comes next.
        self.steps: list[str | int | None] = []
        self.places: dict[KeyPath, Place] = {}
        self.repeated: list[tuple[KeyPath, Place]] = []

    def punctuation(self, mark: str, offset: int) -> None:
        if mark in "{[":
            self.item(offset)
            self.steps.append(0 if mark == "[" else None)
        elif mark in "}]":
            self.steps.pop()
        elif mark == ",":
            step = self.steps[-1]
            self.steps[-1] = step + 1 if isinstance(step, int) else None

    def scalar(self, text: str, offset: int) -> None:
        if self.steps and self.steps[-1] is None:
            self.steps[-1] = text
            path, place = self.path(), self.place(offset)
            if path in self.places:
                self.repeated.append((path, place))
            self.places[path] = place
        else:
            self.item(offset)

    def item(self, offset: int) -> None:
        if self.steps and isinstance(self.steps[-1], int):
            self.places[self.path()] = self.place(offset)

    def path(self) -> KeyPath:
        return tuple(step for step in self.steps if step is not None)

    def place(self, offset: int) -> Place:
        """Returns offsets only grow, so the line is found by walking on."""
        starts = self.line_starts
        while self.line + 1 < len(starts) and starts[self.line + 1] <= offset:
            self.line += 1
        return self.line + 1, offset - starts[self.line] + 1
