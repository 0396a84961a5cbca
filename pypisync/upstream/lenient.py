"""JSON objects with bad optional keys read as if these were unsaid, and JSON that is nearly JSON.

Indexes write ``null``, ``""`` or ``{}`` where a standard wants the key left out, and later
standards change what a key may hold. Only a bad required key costs its object.
"""

import re
from contextlib import suppress
from typing import Any, TypeVar, get_args

import msgspec

_T = TypeVar("_T", bound=msgspec.Struct)

# Its end is optional, so nothing is ever tried again: work grows with the text alone.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"?|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_ESCAPE = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # a pair: one character
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|(\\.)",
    re.DOTALL,
)


def mended(raw: bytes) -> bytes:
    """Returns JSON without what some programs write and no JSON may hold (RFC 8259, 7 and 8).

    A byte order mark goes, NaN and infinities become null, and what is no character becomes
    U+FFFD: lone surrogates and bytes that are no UTF-8. What is cut off stays so.
    """
    text = raw.decode("utf-8-sig", "replace")
    return _TOKEN.sub(lambda token: _token(token[0]), text).encode()


def _token(text: str) -> str:
    if not text.startswith('"'):
        return "null"
    if "\\u" not in text:
        return text
    return _ESCAPE.sub(lambda escape: escape[1] or escape[2] or "\ufffd", text)


def read(kind: type[_T], raw: bytes | msgspec.Raw) -> _T:
    """Returns the object in ``raw``. Raises ValueError, RecursionError if it can't be read."""
    keys = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        key = field.encode_name
        if key in keys:
            with suppress(ValueError):
                values[field.name] = _value(field.type, keys[key])
        if field.required and field.name not in values:
            state = "not what it should be" if key in keys else "missing"
            raise ValueError(f"its key {key!r} is {state}")
    return kind(**values)


def _value(kind: Any, raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        inner = [one for one in (kind, *get_args(kind)) if _is_struct(one)]
        if not inner:
            raise
        return read(inner[0], raw)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
