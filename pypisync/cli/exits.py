"""The exit codes of each command, as its help, its manual page and the reference list them."""

import textwrap
from collections.abc import Mapping
from functools import cache

from pypisync.errors import EXIT_CODES

_SIGNALS = (130, 143)
_DONE = (0, 2, 4)  # there is nothing that could be wrong with what it shows or does
_SHOWN = (0, 1, 2, 4)

COMMANDS: Mapping[str, tuple[int, ...]] = {
    "init": (0, 2),
    "check": _DONE,
    "plan": (0, 1, 2, 3, 4, 130),
    "sync": (0, 1, 2, 3, 4, 5, *_SIGNALS),
    "serve": (2, *_SIGNALS),
    "run": _DONE,
    "status": (*_SHOWN, 130),
    "why": _SHOWN,
    "why-not": _SHOWN,
    "graph": _DONE,
    "prove": (*_SHOWN, 130),
    "proofs": _DONE,
    "generations": _DONE,
    "diff": _DONE,
    "rollback": (*_DONE, 130),
    "tag": (*_DONE, 130),
    "query": _DONE,
    "verify": (0, 1, 2, 3, 4, 5, 130),
    "prune": (*_SHOWN, 130),
    "export": (0, 2, 4, 5, 130),
    "import": (0, 2, 4, 5, 130),
    "backup": _DONE,
    "restore": _DONE,
    "man": _DONE,
    "install-units": _DONE,
    "db upgrade": _DONE,
    "keys make": _DONE,
    "keys show": (0, 2),
    "keys sign": (0, 2, 4, 5),
}
"""What each command can end with, but for bugs; by its name as it is typed."""


def told(command: str) -> str:
    """Returns what stands under the help of a command: its exit codes and what they mean."""
    # Click keeps the lines of a paragraph that begins with \b.
    return "\n".join(["\b", "Exit codes:", *map(_line, COMMANDS[command])])


@cache
def _line(code: int) -> str:
    return textwrap.fill(
        EXIT_CODES[code], 78, initial_indent=f"  {code:<5}", subsequent_indent=" " * 7
    )
