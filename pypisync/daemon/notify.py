"""What systemd is told of the daemon: sd_notify(3), one datagram a message.

The address is in ``NOTIFY_SOCKET``; one that begins with ``@`` is in the abstract name space. The
watchdog (``WATCHDOG_USEC``, ``WATCHDOG_PID``) is fed by whoever knows that there is progress.
Without systemd all of it does nothing.
"""

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

_FEEDS = 4  # per interval; two would do (sd_watchdog_enabled(3))


class Notifier:
    """A line to systemd. ``clock`` is a monotonic one (seconds)."""

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self._every = _interval(environ)
        self._next = clock()
        self._status = ""

    def ready(self) -> None:
        """Start-up is over: database and configuration can be used."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Tell that the daemon is about to end."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Tell what the daemon does now, for ``systemctl status``, if it is new."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={' '.join(text.split())}")

    def alive(self) -> None:
        """Feed the watchdog, if it is time to."""
        now = self._clock()
        if self._every is not None and now >= self._next:
            self._next = now + self._every
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address[:1] not in ("/", "@"):
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        # Nobody listens any more: no reason to stop mirroring.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(1)
            # Connected first: else a full queue would look free, and be tried all that second.
            sender.connect(address)
            sender.send(message.encode())


def _interval(environ: Mapping[str, str]) -> float | None:
    """Returns the seconds between two signs of life; None: no watchdog watches this process."""
    usec = environ.get("WATCHDOG_USEC", "")
    if not usec.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(usec) / 1_000_000 / _FEEDS
