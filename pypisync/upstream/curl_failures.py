"""What libcurl says of a failure, in the words of who must act."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pycurl

from pypisync.core.display import show_seconds
from pypisync.upstream.certificates import authorities_fault, client_fault, distrust_advice
from pypisync.upstream.destination import Destination, host_and_port
from pypisync.upstream.failures import (
    DistrustError,
    ProxyFaultError,
    SlowError,
    TransferError,
    TunnelError,
)

# How it is told of a certificate of this client, the latter of a key that does not fit.
_OF_THE_CLIENT = frozenset({pycurl.E_SSL_CERTPROBLEM, pycurl.E_BAD_FUNCTION_ARGUMENT})
_USELESS = _OF_THE_CLIENT | {pycurl.E_URL_MALFORMAT, pycurl.E_COULDNT_RESOLVE_PROXY}
"""What no further try can mend."""
_PROXY = 97  # CURLE_PROXY, for which pycurl has no name: SOCKS does not come about

# What OpenSSL says of an answer whose first bytes are not those of TLS.
_NO_TLS = ("wrong version number", "packet length too long", "record layer failure")

# How it is told that what answers is not HTTP, or that nothing does.
_NO_HTTP = frozenset({pycurl.E_UNSUPPORTED_PROTOCOL, pycurl.E_GOT_NOTHING, pycurl.E_RECV_ERROR})
_IF_SOCKS = (
    "if it stays so, check whether what listens there speaks SOCKS (an HTTP proxy is written "
    "http://), and whether it reaches the index"
)
_IF_TLS = "whether TLS is spoken there, which wants https:// in the address, and the network"
_IF_NO_PROXY = (
    "whether what listens there is an HTTP proxy: others are written https:// or socks5h://"
)

# CURLINFO_PROXY_ERROR (CURLPX_...), for which pycurl has no names.
_NO_SOCKS = 2
_LOGIN = frozenset({7, 8, 10, 11, 12, 33})  # by identd, by name and password, by no way that fits
_NOT_ALLOWED = 23
_KIND_OF_ADDRESS = 17
_REPLIES: Mapping[int, str] = {  # RFC 1928, 6
    19: "the connection is refused there",
    20: "a general failure",
    21: "the host cannot be reached",
    22: "the network cannot be reached",
    24: "too many hops",
}


def failure(
    curl: Any, code: int, text: str, destination: Destination, *, reached: bool
) -> TransferError:
    """Returns what has failed; ``code`` and ``text`` are those of libcurl.

    ``reached``: as for :func:`too_slow`.
    """
    status = curl.getinfo(pycurl.HTTP_CONNECTCODE)
    if status >= 300:
        return TunnelError(text, status)
    if code == pycurl.E_SSL_CONNECT_ERROR and any(words in text for words in _NO_TLS):
        return _no_tls(destination, tunnelled=bool(status))
    if code == _PROXY:
        return _of_socks(curl.getinfo(pycurl.PROXY_ERROR), text)
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return too_slow(curl, destination, reached=reached)
    if code in _NO_HTTP and not curl.getinfo(pycurl.HEADER_SIZE):
        return _no_http(destination, code, text)
    return _other(curl, code, text, destination)


def too_slow(curl: Any, destination: Destination, *, reached: bool) -> SlowError:
    """Returns how far the way to an origin has come when its time is over.

    ``reached``: whether what is connected to first, the proxy if there is one, has taken it.
    """
    proxy = urlsplit(destination.proxy).scheme
    first = "the proxy" if proxy else "{}:{}".format(*host_and_port(destination.url))
    within = f"within {show_seconds(destination.timeout)}"
    if not reached:
        return SlowError(f"timed out: no connection to {first} {within}")
    if proxy.startswith("socks"):
        return SlowError(
            f"timed out: {first} takes connections, but leads to nothing {within}: it may not "
            "speak SOCKS",
            advice=_IF_SOCKS,
        )
    if proxy and not curl.getinfo(pycurl.HTTP_CONNECTCODE):
        return SlowError(f"timed out: {first} takes connections, but leads to nothing {within}")
    return SlowError(
        f"timed out: {host_and_port(destination.url)[0]} takes connections, but no TLS comes "
        f"about {within}"
    )


def _no_tls(destination: Destination, *, tunnelled: bool) -> TransferError:
    """Returns who does not speak TLS: the origin, or a proxy that was to be asked by it."""
    if destination.proxy.startswith("https:") and not tunnelled:
        return ProxyFaultError(
            "the proxy does not speak TLS",
            advice="write http:// in its address, or the port where it speaks TLS",
        )
    host, port = host_and_port(destination.url)
    return TransferError(
        f"{host}:{port} does not speak TLS",
        final=True,
        advice="use http://, or the port where it speaks TLS",
    )


def _no_http(destination: Destination, code: int, text: str) -> TransferError:
    """Returns that no answer of HTTP has come; which protocol is spoken there cannot be known."""
    said = "what answers is not HTTP" if code == pycurl.E_UNSUPPORTED_PROTOCOL else text
    first = destination.proxy or destination.url
    if not first.startswith("http:"):
        return TransferError(said)
    check = _IF_NO_PROXY if destination.proxy else _IF_TLS
    return TransferError(said, advice=f"if it stays so, check {check}")


def _of_socks(number: int, text: str) -> TransferError:
    if number == _NO_SOCKS:
        return ProxyFaultError(
            "the proxy does not speak SOCKS, or another version of it",
            advice="check its address: an HTTP proxy is written http://, one of SOCKS version 5 "
            "socks5h:// or socks5://",
        )
    if number in _LOGIN:
        return ProxyFaultError(
            f"the proxy refuses the login ({text.rstrip('.')})",
            advice="it wants a name and a password, or others: check those in its address",
        )
    if number == _NOT_ALLOWED:
        return ProxyFaultError(
            "the proxy does not allow this connection",
            advice="ask its administrator to let this machine go there",
        )
    if number == _KIND_OF_ADDRESS:
        return ProxyFaultError(
            "the proxy takes no such address",
            advice="write socks5h:// if it looks names up, socks5:// if they are looked up here",
        )
    reply = _REPLIES.get(number)
    if reply is None:
        return TransferError(text, advice=_IF_SOCKS)
    return TransferError(f"the proxy cannot go there: {reply}")


def _other(curl: Any, code: int, text: str, destination: Destination) -> TransferError:
    if code in {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE}:
        return _distrust(destination, code, text)
    number = curl.getinfo(pycurl.OS_ERRNO) if code == pycurl.E_COULDNT_CONNECT else 0
    why = f": {os.strerror(number)}" if number else ""
    said = _file_fault(destination, code) or text or f"error {code} of libcurl"
    if number and destination.proxy:
        said = "the proxy cannot be connected to"
    return TransferError(f"{said}{why}", final=code in _USELESS)


def _distrust(destination: Destination, code: int, text: str) -> DistrustError:
    path, named = destination.authorities, destination.authorities_named
    if (fault := _file_fault(destination, code)) and named:
        advice = f"put the certificates of the authorities into that file, or take {named} away"
        return DistrustError(fault, advice=advice)
    return DistrustError(fault or text, advice=distrust_advice(text, named, path))


def _file_fault(destination: Destination, code: int) -> str:
    """Returns what is wrong with the file that libcurl means by an error, if it means one."""
    if code == pycurl.E_SSL_CACERT_BADFILE:
        return authorities_fault(destination.authorities)
    if code in _OF_THE_CLIENT and destination.certificate:
        return client_fault(destination.certificate, destination.key)
    return ""
