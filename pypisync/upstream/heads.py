"""The head of an answer, read without the parser of mails.

``http.client`` hands the header lines to :mod:`email`, which costs more than all else about a small
answer. Lines as RFC 9112 has them are taken apart here; a head with any other is left to it.
"""

import http.client
import re
from email.parser import Parser
from http.client import HTTPException, HTTPMessage, HTTPResponse, LineTooLong
from types import FunctionType
from typing import Any, BinaryIO

from urllib3 import HTTPConnectionPool

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n]*)\r?\n")
# http.client's own limits.
_LONGEST = 65_536  # bytes of a line
_MOST = 100  # lines
_END = (b"\r\n", b"\n", b"")


def parse_headers(file: BinaryIO, **_: object) -> HTTPMessage:
    """The header fields that come next, as :func:`http.client.parse_headers` reads them.

    Raises LineTooLong or HTTPException if they are more than is good.
    """
    lines: list[bytes] = []
    while not lines or lines[-1] not in _END:
        lines.append(file.readline(_LONGEST + 1))
        if len(lines[-1]) > _LONGEST:
            raise LineTooLong("header line")
        if len(lines) > _MOST:
            raise HTTPException(f"got more than {_MOST} headers")
    message = HTTPMessage()
    for line in lines[:-1]:
        field = _FIELD.fullmatch(line)
        if field is None:
            text = b"".join(lines).decode("iso-8859-1")
            return Parser(_class=HTTPMessage).parsestr(text)
        message[field[1].decode("ascii")] = field[2].decode("iso-8859-1")
    return message


def _begin() -> FunctionType:
    """The library's own ``begin``, but for the one function that it calls."""
    own = HTTPResponse.begin
    begin = FunctionType(own.__code__, {**vars(http.client), "parse_headers": parse_headers})
    begin.__kwdefaults__ = own.__kwdefaults__
    return begin


class _Response(HTTPResponse):
    begin: Any = _begin()


def hasten(pool: HTTPConnectionPool) -> None:
    """Have the answers of a pool's connections read so."""
    usual: Any = pool.ConnectionCls
    if usual.response_class is not _Response:
        pool.ConnectionCls = type(usual.__name__, (usual,), {"response_class": _Response})
