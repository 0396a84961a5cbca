"""Which requirements end an installer's search, whatever else an index offers.

A file that cannot be read or installed stands among its release's requirements as one that nothing
meets (:data:`pypisync.core.standards.model.STOPS`).
"""

from typing import NamedTuple

from pypisync.core.standards.model import (
    DIRECT,
    STOPS,
    UNREADABLE,
    UNREADABLE_FOR_UV,
    Requirement,
    names_extra,
)
from pypisync.core.standards.requires_python import Installer


class Broken(Exception):  # noqa: N818 - a result, not a fault
    """An installer stops at a release, and looks for no other."""


class EndOfReading(NamedTuple):
    """Where an installer that reads what a release needs comes no further."""

    place: int  # among the release's requirements
    why: str


def stops(need: Requirement) -> bool:
    """Returns whether an installer stops at a release that states this, whatever else there is."""
    direct = need.fault == DIRECT and not names_extra(need.marker)
    return need.text in STOPS or direct


def unreadable(need: Requirement, by: Installer) -> bool:
    """Returns whether the installer stops where it reads this, and not where it installs it."""
    if by == "uv":
        return need.text == UNREADABLE_FOR_UV or (need.text == UNREADABLE and bool(need.fault))
    return need.text == UNREADABLE


def at_url(need: Requirement) -> str:
    """Returns why installers come no further than a requirement that applies; "" if they do.

    uv refuses a URL, and pip fetches what is there, which is no file of the index.
    """
    return f'it requires "{need.text}": {DIRECT}' if need.fault == DIRECT else ""


def undefined(need: Requirement) -> str:
    """Returns what is said of a requirement whose marker has no value."""
    return f'the marker of "{need.text}" compares what cannot be compared'
