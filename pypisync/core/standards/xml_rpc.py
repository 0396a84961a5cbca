"""XML-RPC as PyPI speaks it: what comes is read strictly, and what goes is compact.

Integers may be wider than 32 bits, and ``nil`` stands for what is not stated, as PyPI has both.
"""

import re
import xmlrpc.client
from collections.abc import Iterable
from functools import partial
from html import escape
from xml.parsers import expat

from pypisync.errors import Malformed

# Compiled when there is such a text: that takes 4 ms, which no cycle should wait for.
_NO_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
NIL = "<value><nil/></value>"
# As xml.sax.saxutils has it, with which half of urllib would be imported.
_escape = partial(escape, quote=False)


def parse(body: bytes) -> tuple[tuple[object, ...], str | None]:
    """Returns the values of a call or an answer, and the method of a call (None: an answer).

    Raises Malformed, and xmlrpc.client.Fault for an answer that is one.
    """
    target = xmlrpc.client.Unmarshaller()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = target.start
    parser.EndElementHandler = target.end
    parser.CharacterDataHandler = target.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    target.xml("", None)  # expat has decoded already
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes no keyword
        values = target.close()
        method = target.getmethodname()
    except xmlrpc.client.Fault:
        raise
    except (
        expat.ExpatError,
        xmlrpc.client.Error,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
    ) as error:
        raise Malformed(f"not XML-RPC: {error}") from error
    return values, method


def _refuse_doctype(*_: object) -> None:
    # Entities, and with them texts that grow without bounds, are declared only in a DOCTYPE.
    raise ValueError("it carries a DOCTYPE, which XML-RPC never does")


def answer(value: str) -> bytes:
    """Returns an answer with this value, which is written by the functions below."""
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n<methodResponse><params><param>"
        f"{value}</param></params></methodResponse>\n"
    ).encode()


def fault(code: int, text: str) -> bytes:
    """Returns an answer that is a fault."""
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n<methodResponse><fault><value><struct>"
        f"<member><name>faultCode</name>{integer(code)}</member>"
        f"<member><name>faultString</name>{string(text)}</member>"
        "</struct></value></fault></methodResponse>\n"
    ).encode()


def integer(value: int) -> str:
    """Returns an integer of any width as PyPI writes it."""
    return f"<value><int>{value}</int></value>"


def string(value: str | None) -> str:
    """Returns a text, without what XML cannot hold; None: nil."""
    if value is None:
        return NIL
    if not value.isprintable():
        value = re.sub(_NO_XML, "", value)
    return f"<value><string>{_escape(value)}</string></value>"


def array(values: Iterable[str]) -> str:
    """Returns a list of values that are written already."""
    return f"<value><array><data>{''.join(values)}</data></array></value>"


def struct(members: Iterable[tuple[str, str]]) -> str:
    """Returns a mapping of names to values that are written already."""
    inside = "".join(
        f"<member><name>{_escape(name)}</name>{value}</member>" for name, value in members
    )
    return f"<value><struct>{inside}</struct></value>"
