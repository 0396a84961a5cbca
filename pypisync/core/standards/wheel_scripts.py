"""At which ``entry_points.txt`` pip and uv stop, for the scripts that they make of it.

pip reads it by ``importlib.metadata``, and each script by distlib's ``get_export_entry``; uv reads
it as an INI file (``uv-install-wheel/src/script.rs``) and each script by a pattern of its own. A
line of any section can stop them, not only those of scripts.
"""

import posixpath
import re
from collections.abc import Iterator

from pypisync.core.standards.requires_python import INSTALLERS, Installer

_SCRIPTS = ("console_scripts", "gui_scripts")
_BY_PIP = re.compile(
    r"(?P<name>(?:^[^\[]|(?<=\s)[^\[\s])\S*)\s*=\s*(?P<callable>\w+(?:[:.]\w+)*)\s*"
    r"(?P<flags>\[\s*[\w-]+(?:=\w+)?(?:,\s*\w+(?:=\w+)?)*\s*\])?"
)
_BY_UV = re.compile(r"[\w\-.]+\s*:\s*[\w\-.]+(?:\s*\[[^,]+(?:,[^,]+)*,?\])?\s*")
_RESERVED = re.compile(r"pythonw?|python3|python3\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])")
_LINES = re.compile("\r\n|\r|\n")
_SHOWN = 100


def script_faults(data: bytes, names: set[str]) -> Iterator[tuple[Installer, str]]:
    """Yields who stops at the file, and why. Adds the scripts that uv makes to ``names``."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield from ((by, "its entry_points.txt is not UTF-8") for by in INSTALLERS)
        return
    why = _by_pip(text)
    if why:
        yield "pip", f"its entry_points.txt: {why}"
    why = _by_uv(text, names)
    if why:
        yield "uv", f"its entry_points.txt: {why}"


def _by_pip(text: str) -> str:
    section = None
    for line in filter(None, map(str.strip, text.splitlines())):
        if line[0] == "#":
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line.strip("[]")
        elif section is not None:
            name, equals, value = line.partition("=")
            if not equals:
                return f"the line {line[:_SHOWN]!r} has no value"
            if section in _SCRIPTS and (why := _script_by_pip(name.strip(), value.strip())):
                return why
    return ""


def _script_by_pip(name: str, value: str) -> str:
    script = f"{name} = {value}"
    found = _BY_PIP.search(script)
    if found is None or found["callable"].count(":") != 1:
        return f"the script {script[:_SHOWN]!r} names no function"
    if found["flags"] is None and ("[" in script or "]" in script):
        return f"the script {script[:_SHOWN]!r} has brackets that are none"
    place = posixpath.normpath(found["name"])
    if place in (".", "..") or place.startswith(("../", "/")):
        return f"the script {name[:_SHOWN]!r} leaves the folder"
    return ""


def _by_uv(text: str, names: set[str]) -> str:
    try:
        sections = _ini(text)
    except ValueError as error:
        return str(error)
    for section in _SCRIPTS:
        for name, value in sections.get(section, {}).items():
            if why := _script_by_uv(name, value):
                return why
            names.add(name)
    return ""


def _script_by_uv(name: str, value: str) -> str:
    if _BY_UV.fullmatch(value) is None:
        return f"the script {f'{name} = {value}'[:_SHOWN]!r} names no function"
    if _RESERVED.fullmatch(name):
        return f"a script has the reserved name {name!r}"
    if "/" in posixpath.normpath(name) or name in (".", ".."):
        return f"the script {name[:_SHOWN]!r} is not right in the folder of scripts"
    return ""


def _ini(text: str) -> dict[str, dict[str, str]]:
    """Returns the values by section and key; an indented line continues the value before it.

    Raises ValueError as uv's reader does.
    """
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] | None = None
    key = ""
    for line in _LINES.split(text):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        if line[0].isspace() and section is not None and key:
            section[key] += f"\n{bare}"
        elif bare[0] == "[" and "]" in bare:
            name = bare[1:].partition("]")[0]
            if name in sections:
                raise ValueError(f"the section {name[:_SHOWN]!r} is there twice")
            section, key = sections.setdefault(name, {}), ""
        elif section is None:
            raise ValueError(f"the line {bare[:_SHOWN]!r} is in no section")
        else:
            key, equals, value = (part.strip() for part in bare.partition("="))
            if not (key and equals):
                raise ValueError(f"the line {bare[:_SHOWN]!r} has no value")
            if key in section:
                raise ValueError(f"{key[:_SHOWN]!r} is there twice")
            section[key] = value
    return sections
