"""Requests to one origin: on connections that are kept, with answers that are read as they come."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import monotonic

from pypisync.upstream.connection import HttpConnection, Request
from pypisync.upstream.deadline import Deadline
from pypisync.upstream.destination import Destination
from pypisync.upstream.failures import TransferError

_INTERIM = re.compile(rb"\S+\s+1(?!01)")  # a status line; 101 is the last one of its connection
_REST = 60.0  # seconds after which a connection that nobody used is not used again


class Connections:
    """The connections to one origin that nobody uses at the moment. Safe between threads."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._idle: deque[tuple[float, HttpConnection]] = deque()  # each with since when
        self._closed = False

    def send(self, request: Request, deadline: Deadline) -> "HttpResponse":
        """Returns the answer once its head is there; it must be closed.

        Raises TransferError, ValueError if the URL or a header is none, and what the deadline
        raises.
        """
        connection = self._take() or HttpConnection(self._destination, deadline)
        response = HttpResponse(connection, deadline, self)
        try:
            response.begin(request)
        except BaseException:
            response.close()
            raise
        return response

    def close(self) -> None:
        """Close those that are not in use; the others are closed when they are given back."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop()[1].close()

    def give(self, connection: HttpConnection) -> None:
        """Take back a connection on which nothing is under way."""
        self._idle.append((monotonic(), connection))
        if self._closed:
            self.close()

    def _take(self) -> HttpConnection | None:
        with suppress(IndexError):
            while True:
                since, connection = self._idle.pop()
                if since > monotonic() - _REST and connection.quiet():
                    return connection
                connection.close()
        return None


class HttpResponse:
    """An answer: its status and headers, and its body as it is read. Used by one thread."""

    def __init__(self, connection: HttpConnection, deadline: Deadline, home: Connections) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}  # looked up without regard to case
        self.closed = False
        self._connection = connection
        self._deadline = deadline
        self._home = home
        self._head: list[bytes] = []  # its lines; those of the status and the headers
        self._headed = False
        self._body: list[bytes] = []
        self._done = False
        self._failed: TransferError | None = None

    @property
    def ended(self) -> bool:
        """Whether the whole body has been read."""
        return self._done and not self._body

    def begin(self, request: Request) -> None:
        """Send the request, and wait for the head of its answer.

        Raises TransferError, ValueError, and what the deadline raises.
        """
        self._connection.begin(request, self._deadline, self._take_line, self._body.append)
        while not self._headed:
            if self._done:
                raise TransferError("the connection ended within the head of an answer")
            self._advance()
        self.status = self._connection.status()
        self.headers = _headers(self._head[1:])
        self._deadline.body()
        self._deadline.got(sum(map(len, self._body)))

    def read(self) -> bytes:
        """Returns the bytes that are there, at least one; b"" at the end.

        Raises TransferError, and what the deadline raises.
        """
        while not self._body and not self._done:
            self._advance()
            self._deadline.got(sum(map(len, self._body)))
        data = b"".join(self._body)
        self._body.clear()
        return data

    def close(self) -> None:
        """Give the connection back if the whole answer is here, else close it."""
        if self.closed:
            return
        self.closed = True
        if self._done:
            self._connection.end()
            self._home.give(self._connection)
        else:
            self._connection.close()

    def _take_line(self, line: bytes) -> None:
        """Take a line of a head. One that only announces another (RFC 9110, 15.2) is dropped.

        So is what comes after the head: the trailer of a body.
        """
        if self._headed:
            return
        if line.strip():
            self._head.append(line)
        elif _INTERIM.match(b"".join(self._head[:1])):
            self._head.clear()
        else:
            self._headed = True

    def _advance(self) -> None:
        """Let more come. What came before a failure is read first. Raises as :meth:`read`."""
        if self._failed is not None:
            raise self._failed
        try:
            self._done = self._connection.step()
        except TransferError as error:
            self._failed = error


class Headers(Mapping[str, str]):
    """The headers of an answer, looked up without regard to case."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def add(self, name: str, value: str) -> None:
        """Add a header; what comes several times is joined by commas (RFC 9110, 5.3)."""
        before = self._values.get(name.lower())
        self._values[name.lower()] = value if before is None else f"{before}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _headers(lines: list[bytes]) -> Mapping[str, str]:
    """Returns the headers in these lines."""
    found = Headers()
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        found.add(name, value.strip())
    return found
