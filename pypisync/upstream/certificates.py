"""Whether files of certificates and keys can be used, in words for those who name them.

A run learns from libcurl that one cannot, and asks here why; ``check`` asks before.
"""

import ssl
from pathlib import Path

_WANTED = "it is wanted as PEM, from a line BEGIN to a line END"

_ABOUT = (  # what TLS says that has to do with no authority, and what to do then
    ("expired", "check the clock of this machine; whoever runs that host has to renew it"),
    ("not yet valid", "check the clock of this machine"),
    ("subject name", "use the name of the host that stands in its certificate"),
)


def authorities_fault(path: str) -> str:
    """Returns why a file of certificate authorities cannot be used; "" if it can."""
    if fault := _unreadable(path):
        return fault
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # of ssl as well
        return f"{path} holds no certificate, or one that cannot be read; {_WANTED}"
    return ""


def client_fault(certificate: str, key: str | None) -> str:
    """Returns why a certificate of this client and its key cannot be used; "" if they can."""
    place = key or certificate
    if fault := authorities_fault(certificate) or _unreadable(place):
        return fault
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(certificate, place, password=lambda: "")
    except OSError as error:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return f"the private key in {place} is not that of the certificate in {certificate}"
        return f"{place} holds no private key that can be read without a password; {_WANTED}"
    return ""


def distrust_advice(reason: str, named: str, path: str) -> str:
    """Returns what to do where a certificate is not trusted.

    ``reason`` is what TLS says of it; ``named``: what names the authorities that are trusted, in
    the file or folder ``path``; "" if nothing does, and it is the public ones.
    """
    for words, advice in _ABOUT:
        if words in reason:
            return advice
    if named:
        return (
            f"only the authorities in {path} are trusted, which {named} names: append the one that "
            "has signed for the index, or for a proxy that opens TLS"
        )
    return (
        "if the index has an authority of its own, or the proxy opens TLS, name its certificate in "
        "`ca_file` of the index, in a file with all authorities that are needed: it takes the "
        "place of the public ones"
    )


def _unreadable(path: str) -> str:
    try:
        with Path(path).open("rb"):
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
