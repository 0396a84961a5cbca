"""How pip and how uv read a ``Requires-Python``: they differ, and a mirror has to serve both.

pip (``utils/packaging.py``) takes the whole specifier set, and a text that it cannot read admits
every Python. uv (``uv-pypi-types``, ``lenient_requirement.rs``) mends usual mistakes, passes over
a file whose text stays unreadable, and looks at the lowest Python only: it ignores upper bounds and
exclusions above it, as it does pre-releases (``uv-resolver``, ``requires_python.rs``).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pypisync.core.standards import versions
from pypisync.core.standards.specifiers import BOTTOM, matcher
from pypisync.core.standards.uv_mends import spellings

LONGEST = 1_000  # characters; real ones stay below a hundred
Installer = Literal["pip", "uv"]
INSTALLERS: tuple[Installer, ...] = ("pip", "uv")
FOLLOWED: Mapping[Installer, str] = {"pip": "26.3", "uv": "0.13.9"}
"""The releases that PypiSync does as: the newest that its tests compared it with."""
# What the keys of a release and of its .dev0 end with.
_FINAL = versions.encode(0, (0,)).removeprefix(versions.release_key(0, (0,)))
_DEV = BOTTOM.removeprefix(versions.release_key(0, (0,)))


def admits(by: Installer, text: str | None, python: str) -> bool:
    """Returns whether the installer lets this interpreter (a full version) use such a file."""
    if not text:
        return True
    if by == "pip":
        specifiers = specifiers_of(text)
        return specifiers is None or specifiers.contains(python, prereleases=True)
    lowest = _lowest(text)
    release = Version(python).release
    return lowest is not None and versions.encode(0, release) >= lowest


def lists(by: Installer, text: str | None) -> bool:
    """Returns whether a file with this text is one to the installer, for whatever Python."""
    return by == "pip" or not text or _lowest(text) is not None


@lru_cache(maxsize=1 << 14)
def specifiers_of(text: str) -> SpecifierSet | None:
    """Returns the specifier set that a text spells; None if it spells none."""
    try:
        return SpecifierSet(text) if len(text) <= LONGEST else None
    except ValueError:  # or a number that is too long to be one
        return None


@lru_cache(maxsize=1 << 14)
def _lowest(text: str) -> bytes | None:
    """Returns the key of the lowest Python that uv admits; None if it passes over the file."""
    for candidate in spellings(text) if len(text) <= LONGEST else ():
        try:
            parsed = SpecifierSet(_read(candidate))
            plain = ",".join(f"{one.operator[:2]}{_release(one.version)}" for one in parsed)
            intervals = matcher(plain).intervals
        except ValueError:
            continue
        return next((low for low, high in intervals if _first_final(low) < high), BOTTOM)
    return None


def _first_final(low: bytes) -> bytes:
    """Returns the key of the first final at or above a bound: "==3.8.*" begins at 3.8.dev0."""
    return low.removesuffix(_DEV) + _FINAL if low.endswith(_DEV) else low


def _read(text: str) -> str:
    """Returns the text if uv takes it apart as packaging does. Raises InvalidSpecifier."""
    parts = text.split(",")
    if text and not all(part.strip() for part in parts):
        raise InvalidSpecifier(text)  # an empty part
    return text


def _release(version: str) -> str:
    """Returns a specifier's version without all that follows the numbers."""
    wild = version.endswith(".*")
    return Version(version.removesuffix(".*")).base_version + (".*" if wild else "")
