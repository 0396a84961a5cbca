"""The text of the configuration file: its values, their places, and how a fault is told."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from pypisync.config.positions import KeyPath, Positions, positions
from pypisync.core import display
from pypisync.errors import ConfigError

OVERRIDES = {
    "endpoint": "PYPISYNC_ENDPOINT",
    "database": "PYPISYNC_DATABASE",
    "destination_folder": "PYPISYNC_DESTINATION_FOLDER",
}


Fault = tuple[tuple[int, ...], str]
"""Where a fault belongs among the others, and its line."""


class ConfigSource(Struct, frozen=True):
    """What the file says, with the overrides."""

    path: Path
    data: dict[str, Any]
    places: Positions
    overridden: Mapping[str, str]  # key -> variable

    def fault(self, key: KeyPath, value: object, allowed: str) -> Fault:
        """Returns a fault of a key, with what is allowed."""
        shown = display.masked(json.dumps(value, ensure_ascii=False))
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        if variable := self.overridden.get(str(key[0])) if key else None:
            return (0, 0), f"{variable}: {shown}: {allowed}"
        line, column = self.places.of(key)
        place = f"{self.path}:{line}:{column}"
        return (line, column), f"{place}: {dotted(key)}: {shown}: {allowed}"

    @property
    def folder(self) -> Path:
        """The file's folder."""
        return self.path.parent.resolve()

    def base(self, key: str) -> Path:
        """Returns the folder to which a relative path in ``key`` is relative."""
        return Path.cwd() if key in self.overridden else self.folder


def read(path: Path, environ: Mapping[str, str]) -> ConfigSource:
    """Returns what the file says, with the overrides in ``environ``. Raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        missing = f'{path}: no such file; "pypisync init {path}" writes one to start from'
        raise ConfigError([missing]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text; save the file as UTF-8"]) from None
    try:
        data = _parsed_text(text)
    except ValueError as error:
        raise ConfigError([_syntax(path, str(error))]) from None
    if not isinstance(data, dict):
        raise ConfigError([f"{path}:1:1: the file must hold one object: {{ key: value, ... }}"])
    given = {key: name for key, name in OVERRIDES.items() if environ.get(name)}
    data |= {key: environ[name] for key, name in given.items()}
    return ConfigSource(path, data, positions(text), MappingProxyType(given))


def _parsed_text(text: str) -> Any:
    """Returns the file's value. Plain JSON is read a hundred times faster."""
    try:
        return json.loads(text)
    except ValueError:
        import json5

        return json5.loads(text)


def _syntax(path: Path, message: str) -> str:
    match = re.fullmatch(r"<string>:(\d+) (.*) at column (\d+)", message, re.DOTALL)
    line, what, column = match.groups() if match else (1, message, 1)
    what = re.sub(r"\s", " ", what.replace('"\n"', "end of line"))
    return f"{path}:{line}:{column}: not JSON5: {what[:1].lower()}{what[1:]}"


def dotted(key: KeyPath) -> str:
    """Returns ``packages.django[0]``; a key that would be misread so is quoted."""
    text = ""
    for step in key:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            plain = re.fullmatch(r"[\w.-]+", step)
            text += ("." if text else "") + (step if plain else json.dumps(step))
    return text
