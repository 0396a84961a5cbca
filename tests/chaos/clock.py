"""The clock of the processes under attack: wherever it is set, it goes on from there."""

import random
from collections.abc import Mapping
from pathlib import Path

_HOUR, _DAY = 3_600, 86_400
_LEAPS = (60, 600, _HOUR, 2 * _HOUR, 30 * _HOUR, 5 * _DAY, 40 * _DAY, 400 * _DAY)
_LIBRARY = "faketime/libfaketimeMT.so.1"


class Clock:
    """Sets the wall clock of processes that have its ``environ``; the monotonic one goes on.

    Without libfaketime there is nothing to set (``there`` is False).
    """

    def __init__(self, folder: Path) -> None:
        self.ahead = 0  # seconds before the machine's clock
        self._file = folder / "clock"
        self._library = next(Path("/usr/lib").glob(f"*/{_LIBRARY}"), None)
        self.there = self._library is not None

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables of such a process."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, ahead: int) -> None:
        """Set it so many seconds before the machine's clock, at once for every process."""
        self.ahead = ahead if self.there else 0
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead:+}\n", encoding="ascii")
        new.replace(self._file)


def leap(seed: int) -> int:
    """Returns how many seconds to be ahead: none, forward or back."""
    draw = random.Random(seed)
    return draw.choice((0, 1, 1, -1)) * draw.choice(_LEAPS)
