"""What a file's own metadata says it needs.

Core metadata (METADATA of a wheel, PKG-INFO of an sdist) is a block of e-mail headers, and is cut
into lines and fields as Python's own parser does, which installers use; a folded value is joined
by blanks. Only the headers are looked at, whatever follows. ``pyproject.toml`` is read for the
requirements of a build (PEP 518). What the requirements mean is left to
:mod:`pypisync.core.standards.requirements`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import Version

from pypisync.core.standards import versions
from pypisync.core.standards.requires_python import INSTALLERS, Installer, lists

LARGEST = 10_000_000  # bytes, of either document
# PEP 518, and what installers assume for a project that does not say.
DEFAULT_BUILD_REQUIRES = ("setuptools>=40.8.0",)

_MOST_SHOWN = 1_000  # characters of a text that is only shown
_BLANK_LINE = re.compile(rb"(?>\r\n|\r|\n)(?>\r\n|\r|\n)")
_FIELD = re.compile(rb"([!-9;-~]+):(.*)", re.DOTALL)
_WANTED = {
    name.lower().encode(): name
    for name in (
        "Metadata-Version",
        "Name",
        "Version",
        "Requires-Dist",
        "Requires-Python",
        "Provides-Extra",
        "Dynamic",
        "Summary",
        "License",
        "License-Expression",
        "Classifier",
    )
}
_LICENSE, _APPROVED = "License :: ", "OSI Approved :: "  # how classifiers begin
# An sdist's claims bind only if none of these may change in a build (PEP 643).
_DEPENDENCY_FIELDS = {"requires-dist", "requires-python", "provides-extra"}


class About(NamedTuple):
    """What a release is, in its own words; "" where it does not say.

    Beyond 1,000 characters a text is cut off, for whole licences stand in ``License``. Where there
    is neither, the licence is what the classifiers say: "MIT License, Apache Software License".
    """

    summary: str = ""
    license: str = ""
    license_expression: str = ""  # SPDX (PEP 639)


class Metadata(Struct, frozen=True):
    """The part of a file's core metadata that dependencies depend on, and what people ask for."""

    name: str  # as spelt there, like the version: compare with the filename's
    version: str
    requires: tuple[str, ...]  # the Requires-Dist lines
    extras: tuple[str, ...]  # Provides-Extra, normalised, in their order
    requires_python: str | None
    static: bool  # the wheels built from it say the same
    about: About = field(default_factory=About)
    utf8: bool = True  # all of it, the description included


def read_metadata(data: bytes, *, sdist: bool = False) -> Metadata:
    """Returns the core metadata of a wheel, or with ``sdist`` the PKG-INFO of an sdist.

    A wheel's is always static; an sdist's from metadata 2.2 on, if no field about dependencies is
    Dynamic: beside a Dynamic field the lines given are only a lower bound (PEP 643, PEP 808).
    Raises ValueError if the name or the version is missing, or ``data`` is too large.
    """
    fields = _headers(data)
    for name in ("Name", "Version"):
        if not fields[name] or not fields[name][0]:
            raise ValueError(f"core metadata without a {name}")
    extras = (canonicalize_name(extra) for extra in fields["Provides-Extra"] if extra)
    return Metadata(
        name=fields["Name"][0],
        version=fields["Version"][0],
        requires=tuple(line for line in fields["Requires-Dist"] if line),
        extras=tuple(dict.fromkeys(extras)),
        requires_python=next(iter(fields["Requires-Python"]), None) or None,
        static=not sdist or _static(fields),
        about=_about(fields),
        utf8=_is_utf8(data),
    )


def _about(fields: Mapping[str, Sequence[str]]) -> About:
    about = About(*(_shown(fields[name]) for name in ("Summary", "License", "License-Expression")))
    if about.license not in ("", "UNKNOWN") or about.license_expression:
        return about
    stated = (one for one in fields["Classifier"] if one.startswith(_LICENSE))
    names = (one.removeprefix(_LICENSE).removeprefix(_APPROVED) for one in stated)
    return about._replace(license=_shown([", ".join(dict.fromkeys(names))]))


def check_version(found: Metadata) -> None:
    """Raises ValueError if the version is none: pip then breaks off, and uv reads no further."""
    if versions.parse(found.version) is None:
        raise ValueError(f"core metadata of version {found.version[:100]!r}")


_FOREIGN = "its METADATA is of "
_BAD_PYTHON = "its Requires-Python cannot be read"


def is_foreign(reason: str) -> bool:
    """Returns whether pip passes over a file because its METADATA is of something else.

    pip then tries the next file of the release (``found_candidates.py``), as for no other reason.
    """
    return reason.startswith(_FOREIGN)


class Objections(Struct, frozen=True):
    """What in a file's METADATA keeps installers from it; all "" or empty for nearly all."""

    passed: dict[Installer, str]  # why an installer passes over the file, and takes another one
    stop: str = ""  # why it stops there, if it does not pass over the file
    stops_pip: str = ""  # why pip alone stops
    stops_uv: str = ""
    broken: str = ""  # why whoever does not pass over it cannot install it


def objections(found: Metadata, project: str, version: str, *, sdist: bool = False) -> Objections:
    """Returns what installers have against a file of this project (normalised) and version.

    A wheel whose METADATA has another name or version is passed over by pip. uv stops where it
    reads the name, and where it installs the version. What is built from such an sdist neither
    installs; uv passes over the sdist if it is all that the release has, and stops at a
    ``Requires-Python`` in it that it cannot read. pip breaks off at bytes that are no UTF-8
    (``importlib.metadata``) whatever else the file says.
    """
    passed: dict[Installer, str] = {}
    stop = broken = ""
    if not _is_name(found.name):
        why = f"{_FOREIGN}the project {found.name[:100]!r}"
        passed, stop = ({}, why) if sdist else (dict.fromkeys(INSTALLERS, why), "")
    elif why := _foreign(found, project, version):
        if sdist:
            passed["uv"] = broken = why
        else:
            passed["pip"] = why
            stop = why if canonicalize_name(found.name) != project else ""
            # uv does not mind a local version that the filename alone has.
            broken = "" if stop or _same_public(found, project, version) else why
    uncertain = _add_unread(passed, found)
    if not found.utf8:
        passed.pop("pip", None)
    return Objections(
        passed,
        stop,
        "" if found.utf8 else "its METADATA is not UTF-8",
        _BAD_PYTHON if bad_python(found, sdist=sdist) else uncertain,
        broken,
    )


def bad_python(found: Metadata, *, sdist: bool) -> bool:
    """Returns whether uv stops at a ``Requires-Python`` instead of passing over the file."""
    return sdist and not lists("uv", found.requires_python)


def _add_unread(passed: dict[Installer, str], found: Metadata) -> str:
    """Add who cannot read which line. Returns the one of which it is not known for uv, or ""."""
    # A cycle that reads no METADATA needs none of them.
    from pypisync.core.standards import requirements, uv_urls
    from pypisync.core.standards.uv_markers import read_by_uv

    uncertain = ""
    for line in found.requires:
        need = requirements.parse_metadata(line)
        if fault := need.fault or need.refused:
            passed.setdefault("pip", f"pip cannot read {line[:100]!r}: {fault}")
        if need.fault:
            passed["uv"] = f"uv cannot read {line[:100]!r}: {need.fault}"
        elif "===" in need.specifier and not _is_read(need.specifier.replace("===", "==")):
            passed["uv"] = f"uv cannot read {line[:100]!r}"
        elif need.marker and read_by_uv(need.marker) is None:
            passed["uv"] = f"uv cannot read the marker of {line[:100]!r}"
        elif need.url and not (read := uv_urls.is_read(line)):
            if read is None:
                uncertain = f"whether uv can read the URL of {line[:100]!r} is not known"
            else:
                passed["uv"] = f"uv cannot read the URL of {line[:100]!r}"
    return uncertain


def _foreign(found: Metadata, project: str, version: str) -> str:
    if canonicalize_name(found.name) != project:
        return f"{_FOREIGN}the project {found.name[:100]!r}"
    other = Version(found.version) != Version(version)
    return f"{_FOREIGN}version {found.version[:100]}" if other else ""


def _same_public(found: Metadata, project: str, version: str) -> bool:
    same = str(Version(found.version)) == Version(version).public
    return same and canonicalize_name(found.name) == project


def _is_read(specifier: str) -> bool:
    try:
        SpecifierSet(specifier)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    try:
        return bool(canonicalize_name(text, validate=True))
    except InvalidName:
        return False


def build_requires(pyproject: bytes | None) -> tuple[str, ...]:
    """Returns the requirements of ``[build-system]`` in ``pyproject.toml``; None: no such file.

    Raises ValueError if the file is no valid TOML, the table lacks ``requires`` (PEP 518), or
    that is no list of strings.
    """
    if pyproject is None:
        return DEFAULT_BUILD_REQUIRES
    if len(pyproject) > LARGEST:
        raise ValueError(f"pyproject.toml is larger than {LARGEST} bytes")
    try:
        import tomllib  # of sdists alone

        document = tomllib.loads(pyproject.decode())
    except ValueError as error:
        raise ValueError(f"pyproject.toml is not valid: {error}") from None
    except RecursionError:
        raise ValueError("pyproject.toml is not valid: nested too deeply") from None
    if "build-system" not in document:
        return DEFAULT_BUILD_REQUIRES
    table = document["build-system"]
    requires = table.get("requires") if isinstance(table, dict) else None
    if not isinstance(requires, list) or not all(isinstance(line, str) for line in requires):
        raise ValueError("pyproject.toml: [build-system] has no list of strings called requires")
    return tuple(requires)


def _headers(data: bytes) -> dict[str, list[str]]:
    """Returns the wanted fields, each with its values in order; other fields are passed over."""
    if len(data) > LARGEST:
        raise ValueError(f"core metadata larger than {LARGEST} bytes")
    end = _BLANK_LINE.search(data)
    found: dict[str, list[list[bytes]]] = {name: [] for name in _WANTED.values()}
    folded: list[bytes] = []  # the value that a line beginning with a blank continues
    for line in (data[: end.start()] if end else data).splitlines():
        if line[:1] in (b" ", b"\t"):
            folded.append(line)
        elif field := _FIELD.fullmatch(line):
            folded = [field[2]]
            if name := _WANTED.get(field[1].lower()):
                found[name].append(folded)
        elif line.startswith((b":", b"From ")):
            folded = []  # malformed, but not the end
        else:
            break  # the headers end at the first line that is none
    texts = {name: list(map(_text, values)) for name, values in found.items()}
    if any(texts["Name"][:1]) and found["Name"][0][-1][-1:].isspace():
        texts["Name"][0] += " "  # for installers a part of the name, which makes it none
    return texts


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(lines: list[bytes]) -> str:
    return b" ".join(map(bytes.strip, lines)).decode(errors="replace").strip()


def _shown(values: Sequence[str] | None) -> str:
    """Returns the first value, fit to be stored and shown: on one line, and not too long."""
    text = values[0] if values else ""
    return "".join(c if c.isprintable() else " " for c in text[:_MOST_SHOWN]).strip()


def _static(fields: dict[str, list[str]]) -> bool:
    stated = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", next(iter(fields["Metadata-Version"]), ""))
    dynamic = {name.lower() for name in fields["Dynamic"]}
    recent = stated is not None and (int(stated[1]), int(stated[2])) >= (2, 2)
    return recent and not dynamic & _DEPENDENCY_FIELDS
