"""What a version selector of the configuration asks for, and what a project key names.

The grammar: an exact version ("1.2"), a specifier set ("<3,>2"), or "latest" with an optional
number before it and an optional specifier set behind it ("2 latest<3"). White space is free.
Which releases that comes to is left to :mod:`pypisync.core.closure.candidates`.
"""

import re
from functools import lru_cache

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pypisync.core.standards import specifiers, versions

_LATEST = re.compile(r"([0-9]{0,9})\s*+latest(.*)", re.DOTALL)
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_KEY = re.compile(rf"({_NAME})\s*+(?:\[\s*+({_NAME}(?:\s*+,\s*+{_NAME})*)?\s*+\])?")

_ALLOWED = (
    'allowed are an exact version such as "1.2", a specifier set such as ">=2,<3" '
    '(">=0" for all), "latest", "5 latest", "latest<3" and "2 latest<3"'
)


class Selector(Struct, frozen=True):
    """Which releases of a project are wanted."""

    text: str  # as written, without the white space around it; parses to this selector again
    count: int | None  # the newest so many in each group of targets; None: all that match
    specifier: str  # canonical; "" admits every version
    exact: bool = False  # one version was named: wanted even if yanked or a pre-release


@lru_cache(maxsize=10_000)
def parse_selector(text: str) -> Selector:
    """Returns the selector that ``text`` spells.

    An exact version is PEP 440's ``==``: "1.2" is also met by "1.2+local", "1.2+local" only by
    itself. Raises ValueError, whose text says what is allowed.
    """
    given = text.strip()
    version = versions.parse(given)
    if version is not None:
        return Selector(given, None, f"=={version}", exact=True)
    latest = _LATEST.fullmatch(given)
    if latest is None:
        return Selector(given, None, _specifier(text, given))
    count = int(latest[1] or 1)
    if not count:
        raise ValueError(f'"{text}" asks for no release: the number before "latest" is at least 1')
    behind = latest[2].strip()
    return Selector(given, count, _specifier(text, behind) if behind else "")


def parse_root(text: str) -> tuple[str, tuple[str, ...]]:
    """Returns the project and the extras that a key such as "requests[socks, security]" names.

    Both normalised (PEP 503, PEP 685), the extras sorted. Raises ValueError if it is no such key.
    """
    match = _KEY.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f'"{text}" is not a project: allowed are letters, digits and . _ - between them, '
            'and extras behind the name in brackets, such as "requests[socks]"'
        )
    extras = {canonicalize_name(extra.strip()) for extra in (match[2] or "").split(",")} - {""}
    return canonicalize_name(match[1]), tuple(sorted(extras))


def _specifier(text: str, part: str) -> str:
    """Returns the canonical text of a specifier set that is not empty."""
    try:
        specifiers.matcher(part)
        canonical = str(SpecifierSet(part))
    except ValueError:
        canonical = ""
    if not canonical:
        raise ValueError(f'"{text}" is not a version selector: {_ALLOWED}') from None
    return canonical
