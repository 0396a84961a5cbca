"""JSON objects with bad optional keys read as if these were unsaid.

Indexes write ``null``, ``""`` or ``{}`` where a standard wants the key left out, and later
standards change what a key may hold. Only a bad required key costs its object.
"""

from contextlib import suppress
from typing import Any, TypeVar, get_args

import msgspec

_T = TypeVar("_T", bound=msgspec.Struct)


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
