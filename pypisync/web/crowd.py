"""How many connections a process has at a time: the idlest one ends when there would be too many.

Without that, a client that opens connections and leaves them idle takes the descriptors of all
others, which are then not even accepted.
"""

import resource
from collections import OrderedDict
from typing import Protocol

_MOST = 4096  # a connection takes some 20 KiB
_OTHERS = 64  # descriptors that are no connection: the listener, the database, libraries
_EACH = 2  # descriptors of a connection that receives a file


class Connection(Protocol):
    """A client's connection."""

    @property
    def idle(self) -> bool:
        """Whether no response is under way."""

    def end(self) -> None:
        """Close it."""


class Crowd:
    """The connections of one process, those that were heard of last at the end.

    One thread uses it. All methods take constant time, but for the search for an idle one.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most or _room()
        self._all: OrderedDict[Connection, None] = OrderedDict()

    def add(self, connection: Connection) -> None:
        """Take in a new connection. The idlest one ends if they are too many, else the new one."""
        if len(self._all) >= self.most:
            ends = next((one for one in self._all if one.idle), connection)
            self._all.pop(ends, None)
            ends.end()
            if ends is connection:
                return
        self._all[connection] = None

    def heard(self, connection: Connection) -> None:
        """Note that the client has sent something."""
        if connection in self._all:
            self._all.move_to_end(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._all.pop(connection, None)


def allow_open_files() -> None:
    """Raise this process's limit of open files as far as the system lets it.

    The usual soft limit of 1,024 is there for programs that use select(2), which this is not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _room() -> int:
    """Returns how many connections the limit of open files leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return max(1, min(_MOST, (soft - _OTHERS) // _EACH))
