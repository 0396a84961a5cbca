"""Where the hosts of an upstream are: names looked up, and from where an address can be reached."""

import ipaddress
import socket
import threading
from typing import Any, Literal

from pypisync.upstream.deadline import Deadline
from pypisync.upstream.failures import TransferError

Reach = Literal["global", "private", "loopback", "link-local"]
_MOST = 8  # addresses of one name that are tried


def reach(address: str) -> Reach:
    """Returns from where this IP address can be reached (IANA's special-purpose registries).

    Raises ValueError if it is none.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_unspecified:
        return "loopback"
    if found.is_link_local:
        return "link-local"
    return "global" if found.is_global and not found.is_multicast else "private"


def written_out(host: str) -> str:
    """Returns an IPv4 address of fewer numbers, or of hexadecimal ones, in full; else ``host``."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return host


def resolve(host: str, port: int, deadline: Deadline | None = None) -> list[str]:
    """Returns the IP addresses of a name.

    ``getaddrinfo`` cannot be interrupted, so a thread of its own waits for it; one that hangs is
    left behind when the deadline is over. Raises TransferError, and what the deadline raises.
    """
    found: list[Any] = []
    failed: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            failed.append(error)
        done.set()

    threading.Thread(target=look, name="resolve", daemon=True).start()
    while not done.wait(None if deadline is None else deadline.slice):
        if deadline is not None:
            deadline.check()
    if failed:
        final = isinstance(failed[0], ValueError)  # a label that is empty or too long
        raise TransferError(f"the name {host} cannot be looked up: {failed[0]}", final=final)
    return list(dict.fromkeys(one[4][0] for one in found))[:_MOST]
