"""How uv reads a marker where it reads it otherwise than packaging, which pip has on board.

uv (``uv-pep508``, ``marker/parse.rs`` and ``marker/algebra.rs``) passes over a comparison that
means nothing to it, as if it were not there, where packaging compares texts or breaks off. Of
versions it compares the release alone. It cannot read ``===``, nor a comparison with a lock file's
``extras`` or ``dependency_groups`` otherwise than by ``in``, and then passes over the METADATA.
"""

import re
from functools import lru_cache

from packaging.specifiers import Specifier
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from pypisync.core.standards.marker_syntax import Atom, Tree, parse

_VERSIONS = frozenset({"python_version", "python_full_version", "implementation_version"})
_LISTS = frozenset({"extras", "dependency_groups"})
# Compared by their letters; what is written of them in order means nothing to a mirror.
_FREE = frozenset({"platform_release", "platform_version"})
_EQUAL = frozenset({"==", "in", "not in"})
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_FALSE = "python_version < '0'"
_TRUE = "python_version >= '0'"


class _UnreadableError(Exception):
    """uv cannot read the marker."""


@lru_cache(maxsize=1 << 16)
def read_by_uv(marker: str) -> str | None:
    """Returns a marker that means to packaging what ``marker`` means to uv.

    It is ``marker`` itself where both read it alike, "" where uv sees no condition, and None where
    uv cannot read it. A comparison by letters of ``platform_release`` or ``platform_version``,
    which no mirror knows, is left out: it may hold. Raises ValueError if it is not a marker.
    """
    if not marker:
        return ""
    parsed = parse(marker)
    try:
        read = [_atom(atom) for atom in parsed.atoms]
    except _UnreadableError:
        return None
    if all(new == atom.text for new, atom in zip(read, parsed.atoms, strict=True)):
        return marker
    return _joined(parsed.tree, read)


def _joined(tree: Tree, read: list[str]) -> str:
    """Returns the text of a tree, without what is passed over: both of "and" and of "or"."""
    if isinstance(tree, int):
        return read[tree]
    operator, operands = tree
    texts = [text for text in (_joined(operand, read) for operand in operands) if text]
    return texts[0] if len(texts) == 1 else f" {operator} ".join(f"({text})" for text in texts)


def _atom(atom: Atom) -> str:
    """Returns an atom as packaging has to read it; "" if uv passes over it."""
    if atom.op == "===":
        raise _UnreadableError
    if atom.alike:
        return ""
    if atom.variable in _LISTS:
        return _list(atom)
    if atom.variable == "extra":
        return _extra(atom)
    if atom.variable in _VERSIONS:
        return _version(atom)
    if atom.op == "~=" or (atom.variable in _FREE and atom.op not in _EQUAL):
        return ""
    return atom.text


def _list(atom: Atom) -> str:
    if not atom.reversed or atom.op not in ("in", "not in"):
        raise _UnreadableError
    # METADATA is not read for a lock file: nothing is in the list.
    return _TRUE if atom.op == "not in" and _is_name(atom.literal) else _FALSE


def _extra(atom: Atom) -> str:
    if atom.op not in ("==", "!="):
        return ""
    return atom.text if _is_name(atom.literal) else _FALSE


def _is_name(text: str) -> bool:
    try:
        return bool(canonicalize_name(text, validate=True))
    except InvalidName:
        return False


def _version(atom: Atom) -> str:
    op = _TURNED.get(atom.op, atom.op) if atom.reversed else atom.op
    if op in ("in", "not in"):
        return "" if atom.reversed else _listed(atom)
    if atom.reversed and atom.literal.endswith(".*"):
        return ""
    try:
        Specifier(f"{op}{atom.literal}")
        bare = _release(atom.literal)
    except ValueError:  # no version, or a number that is too long for one
        return ""
    same = not atom.reversed and bare == atom.literal
    return atom.text if same else f"{atom.variable} {op} '{bare}'"


def _listed(atom: Atom) -> str:
    """Returns ``in`` and ``not in`` as comparisons: to uv the text is a list of versions."""
    try:
        found = [_release(text) for text in re.split(r"[\s|]+", atom.literal.strip()) if text]
    except ValueError:
        return ""
    if any(text.endswith(".*") for text in found):
        return ""
    if not found:
        return _FALSE if atom.op == "in" else _TRUE
    op, word = ("==", " or ") if atom.op == "in" else ("!=", " and ")
    return word.join(f"{atom.variable} {op} '{text}'" for text in found)


def _release(literal: str) -> str:
    """Returns a version's release alone; the text itself if it is no more than that."""
    wild = literal.endswith(".*")
    version = Version(literal.removesuffix(".*"))
    bare = ".".join(map(str, version.release))
    plain = str(version) == bare
    return literal if plain else bare + ".*" * wild
