"""What a marker says: its tree of ``and`` and ``or``, and its atoms.

The grammar is that of PEP 508 ("environment markers") as packaging reads it, legacy spellings
(``os.name``, ``python_implementation``) included. packaging evaluates one atom for one value
(:func:`holds`); :mod:`pypisync.core.environments.marker_masks` evaluates markers for environments.
The text is hostile: its length and depth are capped.
"""

import ast
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from packaging.markers import Marker

LONGEST = 10_000  # characters
DEEPEST = 50  # parentheses within each other

# The index of an atom, or an operator and its operands.
Tree: TypeAlias = "int | tuple[str, tuple[Tree, ...]]"

_TOKEN = re.compile(
    r"""[ \t]*(?:
      (?P<bracket>[()])
    | (?P<op>===|==|~=|!=|<=|>=|<|>)
    | (?P<word>\b(?:and|or|in|not)\b)
    | (?P<variable>\b(?:
        python_version | python_full_version | os[._]name | sys[._]platform
      | platform_(?:release|system) | platform[._](?:version|machine|python_implementation)
      | python_implementation | implementation_(?:name|version) | extras? | dependency_groups
      )\b)
    | (?P<literal>'[^']*'|"[^"]*")
    | (?P<end>\Z))""",
    re.VERBOSE,
)


_LEGACY = {"python_implementation": "platform_python_implementation"}


class Atom(Struct, frozen=True):
    """One comparison of a variable with a literal."""

    text: str  # canonical in its white space
    variable: str  # as PEP 508 spells it today
    op: str
    literal: str
    reversed: bool = False  # the literal is on the left
    alike: bool = False  # there are two variables or two literals, which makes no sense


class Parsed(Struct, frozen=True):
    """A marker's tree, and the distinct atoms that its indices stand for."""

    tree: Tree
    atoms: tuple[Atom, ...]


def parse(marker: str) -> Parsed:
    """Returns the tree and atoms of ``marker``. Raises ValueError if it is not a marker."""
    if len(marker) > LONGEST:
        raise ValueError(f"invalid marker: {len(marker)} characters, more than {LONGEST}")
    parser = _MarkerParser(marker, _tokens(marker))
    tree = parser.disjunction(0)
    if parser.kind != "end":
        parser.fail("'and', 'or' or the end")
    return Parsed(tree, tuple(parser.atoms))


def _tokens(marker: str) -> list[tuple[str, str, int]]:
    """Returns kind, text and position of each token, the end included."""
    tokens: list[tuple[str, str, int]] = []
    position = 0
    while not tokens or tokens[-1][0] != "end":
        match = _TOKEN.match(marker, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"invalid marker at character {position + 1}: {_excerpt(marker)}")
        tokens.append((match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        position = match.end()
    return tokens


def _excerpt(marker: str) -> str:
    return repr(marker if len(marker) <= 200 else f"{marker[:200]}...")


class _MarkerParser(Struct):
    marker: str
    tokens: list[tuple[str, str, int]]
    at: int = 0
    atoms: dict[Atom, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def text(self) -> str:
        return self.tokens[self.at][1]

    def take(self) -> str:
        text = self.text
        self.at += 1
        return text

    def fail(self, expected: str) -> NoReturn:
        position = self.tokens[self.at][2] + 1
        raise ValueError(
            f"invalid marker at character {position}, expected {expected}: {_excerpt(self.marker)}"
        )

    def disjunction(self, depth: int) -> Tree:
        return self.chain("or", depth)

    def chain(self, word: str, depth: int) -> Tree:
        """Returns the operands joined by ``word``; ``and`` binds tighter than ``or``."""
        parts: list[Tree] = []
        while True:
            parts.append(self.chain("and", depth) if word == "or" else self.operand(depth))
            if (self.kind, self.text) != ("word", word):
                return parts[0] if len(parts) == 1 else (word, tuple(parts))
            self.take()

    def operand(self, depth: int) -> Tree:
        if self.text != "(":
            return self.atoms.setdefault(self.atom(), len(self.atoms))
        if depth == DEEPEST:
            raise ValueError(f"invalid marker: more than {DEEPEST} nested parentheses")
        self.take()
        tree = self.disjunction(depth + 1)
        if self.text != ")":
            self.fail("')'")
        self.take()
        return tree

    def atom(self) -> Atom:
        left_kind, left = self.side()
        op = self.operator()
        right_kind, right = self.side()
        text = f"{left} {op} {right}"
        _evaluator(text)  # packaging has the last word on what a literal may hold
        if left_kind == "variable":
            # Two variables: packaging compares the first with the other's name.
            literal = right if right_kind == "variable" else _value(right)
            return Atom(text, left, op, literal, alike=right_kind == "variable")
        # Two literals: packaging looks the second one up as if it were a variable.
        variable = right if right_kind == "variable" else _value(right)
        alike = right_kind != "variable"
        return Atom(text, variable, op, _value(left), reversed=True, alike=alike)

    def side(self) -> tuple[str, str]:
        kind = self.kind
        if kind == "literal":
            return kind, self.take()
        if kind != "variable":
            self.fail("a variable or a quoted text")
        name = self.take().replace(".", "_")
        return kind, _LEGACY.get(name, name)

    def operator(self) -> str:
        if self.kind == "op" or self.text == "in":
            return self.take()
        if self.text != "not":
            self.fail("an operator")
        self.take()
        if self.text != "in":
            self.fail("'in' after 'not'")
        self.take()
        return "not in"


def _value(token: str) -> str:
    """Returns what a quoted text says; packaging reads escapes as Python does."""
    return str(ast.literal_eval(token)) if "\\" in token else token[1:-1]


@lru_cache(maxsize=1 << 14)
def _evaluator(text: str) -> "Marker":
    from packaging.markers import Marker  # what it takes is not free, and most markers are known

    return Marker(text)


@lru_cache(maxsize=1 << 16)
def holds(atom: Atom, value: str) -> bool:
    """Returns whether ``atom`` holds where its variable has ``value``, by packaging's operators.

    A comparison that is not defined (``implementation_name === "pypy"``, on which installers
    fail) counts as true: what it guards may be asked for.
    """
    try:
        return _evaluator(atom.text).evaluate({atom.variable: value})
    except (ValueError, KeyError):  # both are what packaging raises, by release
        return True


@lru_cache(maxsize=1 << 14)
def without_extras(marker: str) -> str:
    """Returns what a marker says beside the extras that it names, which are taken to be asked for.

    Equal markers give equal texts. Raises ValueError.
    """
    parsed = parse(marker) if marker else None
    return "" if parsed is None else _said(parsed.tree, parsed.atoms)


def _said(tree: Tree, atoms: tuple[Atom, ...]) -> str:
    if isinstance(tree, int):
        return "" if atoms[tree].variable == "extra" else atoms[tree].text
    operator, operands = tree
    texts = [_said(operand, atoms) for operand in operands]
    if operator == "or" and not all(texts):
        return ""
    texts = [text for text in texts if text]
    return (
        texts[0]
        if len(texts) == 1
        else "(" * bool(texts) + f" {operator} ".join(texts) + ")" * bool(texts)
    )
