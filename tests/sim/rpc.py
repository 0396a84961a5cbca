"""Warehouse's XML-RPC: the three mirroring calls, and faults for all else, in HTTP 200.

Rows are rendered directly, since a page has up to 50,000 of them. As on PyPI only the action is
sanitised: non-ASCII becomes the literal text ``&#NNN;``, control characters go.
"""

import re
import xmlrpc.client
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from tests.sim.world import Row, World

_HEAD = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n"
_TAIL = "</param>\n</params>\n</methodResponse>\n"
_WITHDRAWN = frozenset(
    {
        "browse",
        "changelog",
        "list_packages",
        "package_releases",
        "package_roles",
        "release_data",
        "release_urls",
        "search",
        "system.multicall",
        "top_packages",
        "updated_releases",
        "user_packages",
    }
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def method_of(body: bytes) -> tuple[str, tuple[object, ...]]:
    """The method and the parameters of a call; the method is "" if it cannot be parsed."""
    try:
        params, method = xmlrpc.client.loads(body)
    except (ExpatError, ValueError, xmlrpc.client.Error, AttributeError, KeyError):
        return "", ()
    return method or "", tuple(params)


def answer(world: World, method: str, params: tuple[object, ...]) -> bytes:
    """The reply to a call."""
    match method, params:
        case "changelog_last_serial", ():
            said = _reply(_int(world.serial))
        case "changelog_since_serial", (int(since),) if not isinstance(since, bool):
            said = _reply(_array([_row(row) for row in world.changes(since)]))
        case "list_packages_with_serial", ():
            said = _reply(_listed(world))
        case "changelog_last_serial" | "changelog_since_serial" | "list_packages_with_serial", _:
            said = fault(-32602, "server error; invalid method parameters")
        case "", _:
            said = fault(-32700, "parse error; not well formed")
        case name, _ if name in _WITHDRAWN:
            said = fault(-32500, "RuntimeError: This API is no longer supported.")
        case _:
            said = fault(-32601, "server error; requested method not found")
    return said


def too_many(seconds: int) -> bytes:
    """The fault of a rate limit."""
    return fault(
        -32500,
        "HTTPTooManyRequests: The action could not be performed because there were too many "
        f"requests by the client. Limit may reset in {seconds} seconds.",
    )


def fault(code: int, text: str) -> bytes:
    """A fault, as XML-RPC has it."""
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True).encode()


def sanitised(action: str) -> str:
    """The action as PyPI sends it, before XML's own escapes."""
    return _CONTROL.sub("", action).encode("ascii", "xmlcharrefreplace").decode()


def _listed(world: World) -> str:
    members = [
        f"<member><name>{escape(project.display)}</name>{_int(project.serial)}</member>"
        for project in world.projects.values()
    ]
    return f"<value><struct>{''.join(members)}</struct></value>\n"


def _row(row: Row) -> str:
    action = None if row.action is None else sanitised(row.action)
    return _array(
        [
            _text(row.name),
            _text(row.version),
            _int(row.timestamp),
            _text(action),
            _int(row.serial),
        ]
    )


def _reply(value: str) -> bytes:
    return f"{_HEAD}{value}{_TAIL}".encode()


def _array(values: list[str]) -> str:
    return f"<value><array><data>\n{''.join(values)}</data></array></value>\n"


def _int(value: int) -> str:
    return f"<value><int>{value}</int></value>\n"


def _text(value: str | None) -> str:
    if value is None:
        return "<value><nil/></value>\n"
    return f"<value><string>{escape(value)}</string></value>\n"
