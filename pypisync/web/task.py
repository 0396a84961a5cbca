"""What a serving process is told."""

import json
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins

if TYPE_CHECKING:
    from pypisync.config.load import Config

STOP_SECONDS = 5  # for downloads that are under way when it is told to end


class Served(Struct, frozen=True):
    """The mirror that is served, as values that can be sent to another process."""

    root: str
    database: str
    schedule: str
    status_pages: bool
    configuration: str  # its digest

    @classmethod
    def by(cls, config: "Config") -> "Served":
        """Returns the one of this configuration."""
        return cls(
            str(config.destination),
            config.database_url,
            config.schedule.text,
            config.status_pages,
            config.digest,
        )


class Task(Struct, frozen=True):
    """What a serving process is told."""

    served: Served
    listener: int  # descriptors
    counts: int
    row: int
    rows: int

    def line(self) -> bytes:
        """Returns the line that is sent by the link."""
        return json.dumps(to_builtins(self)).encode() + b"\n"


def read(line: bytes) -> Task:
    """Returns what such a line says."""
    told = json.loads(line)
    return Task(**told | {"served": Served(**told["served"])})
