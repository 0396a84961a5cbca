"""What a requirements file asks for.

The format is pip's (its user guide, "Requirements File Format", and its reader): comments,
continued lines, ``-r`` and ``-c``, global options, options of a line. A line without effect on a
mirror is a note; a line that an index cannot serve is a fault. Environment variables are not
expanded, because a service has others than the person who wrote the file. Only included files are
opened, through the reader that is passed in.
"""

import codecs
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from optparse import OptionParser, Values
from typing import NoReturn

from msgspec import Struct, field
from packaging.specifiers import SpecifierSet

from pypisync.core.standards import requirements, versions
from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import (
    MOST_PINS,
    Group,
    Locked,
    Reader,
    Remarks,
    TextFile,
    merged,
)
from pypisync.core.wanted.roots import NamedFile

_DEEPEST = 20  # files that include each other
_MOST_INCLUDES = 500
_MOST_LINES = 200  # on one project
# The order counts: one mark begins with another.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_CODINGS = ("ascii", "latin-1", "iso-8859-1", "iso-8859-15", "cp1252", "windows-1252")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_HASH = re.compile(r"(sha256):([0-9a-f]{64})|(sha384|sha512):[0-9a-f]+", re.ASCII | re.IGNORECASE)
_PATH = re.compile(r"/|^\.")
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|tar\.\w{1,4})$", re.ASCII | re.IGNORECASE)

_ALLOWED = "a requirement is such as django[argon2]>=5 ; python_version >= '3.11'"
_NO_SOURCE = "an index serves no paths, addresses or checkouts: name the project and its versions"
_NO_PIN = "a file that is mirrored exactly pins each line: name==version"

# Every option that pip takes in such a file, with what it is called.
_IGNORED = (
    ("-i", "--index-url", "--pypi-url"), ("--extra-index-url",), ("-f", "--find-links"),
    ("--no-binary",), ("--only-binary",), ("--all-releases",), ("--only-final",),
    ("--trusted-host",), ("--use-feature",),
    ("-C", "--config-settings", "--config-setting"),
)  # fmt: skip
_IGNORED_FLAGS = (
    "--no-index", "--prefer-binary", "--require-hashes", "--no-require-hashes", "--pre",
)  # fmt: skip


class _Line(Struct, frozen=True):
    """A requirement with its place."""

    source: TextFile
    number: int
    requirement: Requirement
    files: tuple[NamedFile, ...] = ()
    hashed: bool = False  # by any algorithm


class _Reading(Struct):
    reader: Reader
    found: Remarks
    lines: list[_Line] = field(default_factory=list)
    constraints: list[_Line] = field(default_factory=list)
    read: set[tuple[str, bool]] = field(default_factory=set)


def parse(name: str, source: TextFile, reader: Reader, *, resolve: bool) -> tuple[Group, Remarks]:
    """Returns the group of a requirements file, and its faults.

    Without ``resolve`` each line must pin one version, and constraints have no effect.
    """
    reading = _Reading(reader, Remarks())
    _file(reading, source, [source.key], constraint=False)
    if len(reading.lines) + len(reading.constraints) > MOST_PINS:
        reading.found.fault(source, 1, name, f"has more than {MOST_PINS} requirements")
    elif resolve:
        _contradictions(reading)
    pins = () if resolve else merged(list(_pins(reading)))
    group = Group(
        name,
        resolve,
        tuple(line.requirement for line in reading.lines) if resolve else (),
        tuple(line.requirement for line in reading.constraints) if resolve else (),
        pins,
        tuple(reading.found.notes),
    )
    return group, reading.found


# -- text and lines, as pip makes them ------------------------------------------------------


def decode(data: bytes) -> str:
    """Returns the text of a file: UTF-8, or what a byte order mark or a coding comment says.

    Raises ValueError if it is not.
    """
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "")
    for line in data.split(b"\n", 2)[:2]:
        coding = _CODING.search(line) if line.startswith(b"#") and not encoding else None
        if coding:
            encoding = coding[1].decode("ascii").lower().replace("_", "-")
    if encoding and encoding not in (*_MARKS.values(), *_CODINGS):
        raise ValueError(f"its encoding is {encoding[:40]}; save the file as UTF-8")
    try:
        return data[len(mark) :].decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        line_number = data.count(b"\n", 0, error.start) + 1
        why = f"line {line_number} is not {encoding or 'UTF-8'} text; save the file as UTF-8"
        raise ValueError(why) from None


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines that are not empty, continued lines joined, with their first number."""
    joined: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            first = first if joined else number
            joined.append(line.strip("\\"))
            continue
        # A comment ends what was continued.
        whole = "".join((*joined, " " if comment else "", line))
        stripped = _uncommented(whole)
        if stripped:
            yield first if joined else number, stripped
        joined.clear()
    if joined and (stripped := _uncommented("".join(joined))):
        yield first, stripped


def _uncommented(line: str) -> str:
    at = line.find("#")
    while at > 0 and not line[at - 1].isspace():
        at = line.find("#", at + 1)
    return (line if at < 0 else line[:at]).strip()


def _split(line: str) -> tuple[str, str]:
    """Returns the text before the options, and the options."""
    tokens = line.split(" ")
    for i, token in enumerate(tokens):
        if token.startswith("-"):
            return " ".join(tokens[:i]).strip(), " ".join(tokens[i:])
    return line, ""


class _LineParser(OptionParser):
    """Options as pip parses them, abbreviations included; what is wrong raises ValueError."""

    def error(self, msg: str) -> NoReturn:
        raise ValueError(msg)


@cache
def _parser() -> _LineParser:
    parser = _LineParser(add_help_option=False)
    for names in _IGNORED:
        parser.add_option(*names, dest=names[0] if len(names) == 1 else names[1], action="append")
    for flag in _IGNORED_FLAGS:
        parser.add_option(flag, dest=flag, action="store_true")
    for names in (("-r", "--requirement"), ("-c", "--constraint"), ("-e", "--editable")):
        parser.add_option(*names, dest=names[1][2:], action="append", default=[])
    parser.add_option("--hash", dest="hash", action="append", default=[])
    return parser


def _options(text: str) -> Values:
    """Returns the options of a line. Raises ValueError."""
    parser = _parser()
    defaults = Values(
        {name: [] if value == [] else value for name, value in parser.defaults.items()}
    )
    words = shlex.split(text) if set("'\"\\") & set(text) else text.split()
    return parser.parse_args(words, defaults)[0]


# -- what a line says -----------------------------------------------------------------------


def _file(reading: _Reading, source: TextFile, above: list[str], *, constraint: bool) -> None:
    reading.read.add((source.key, constraint))
    for number, line in logical_lines(source.text):
        args, rest = _split(line)
        try:
            options = _options(rest)
        except ValueError as error:
            reading.found.fault(source, number, line, f"{error}; allowed are pip's own options")
            continue
        _ignored(reading.found, source, number, options)
        if args:
            _requirement(reading, source, number, args, options.hash, constraint=constraint)
        elif options.editable:
            reading.found.fault(source, number, line, _NO_SOURCE)
        elif options.requirement or options.constraint:
            path = (options.requirement or options.constraint)[0]
            _include(reading, source, number, path, above, constraint=not options.requirement)
        elif options.hash:
            reading.found.note(source, number, "--hash without a requirement is ignored")


def _ignored(found: Remarks, source: TextFile, number: int, options: Values) -> None:
    for name in (*(names[min(1, len(names) - 1)] for names in _IGNORED), *_IGNORED_FLAGS):
        if getattr(options, name):
            found.note(source, number, f"{name} is ignored")


def _include(
    reading: _Reading,
    source: TextFile,
    number: int,
    path: str,
    above: list[str],
    *,
    constraint: bool,
) -> None:
    if _VARIABLE.search(path):
        reading.found.fault(source, number, path, "environment variables are not put in here")
        return
    try:
        included = reading.reader(path, source)
    except ValueError as error:
        reading.found.fault(source, number, path, str(error))
        return
    if included.key in above:
        reading.found.fault(source, number, path, "includes itself; a file may include others only")
    elif len(above) >= _DEEPEST or len(reading.read) >= _MOST_INCLUDES:
        most = f"{_DEEPEST} files deep and {_MOST_INCLUDES} files at most"
        reading.found.fault(source, number, path, f"too many includes: {most}")
    elif (included.key, constraint) not in reading.read:
        _file(reading, included, [*above, included.key], constraint=constraint)


def _requirement(
    reading: _Reading,
    source: TextFile,
    number: int,
    text: str,
    hashes: Sequence[str],
    *,
    constraint: bool,
) -> None:
    requirement = requirements.parse(text)
    why = next(_wrong(requirement, constraint=constraint), "")
    files: dict[NamedFile, None] = {}
    for given in hashes:
        match = _HASH.fullmatch(given)
        if match is None:
            allowed = "a hash is sha256:, sha384: or sha512: and hexadecimal digits"
            reading.found.fault(source, number, given, allowed)
        elif match[2]:
            files[NamedFile(sha256=match[2].lower())] = None
    if why:
        reading.found.fault(source, number, text, why)
        return
    line = _Line(source, number, requirement, tuple(files), bool(hashes))
    (reading.constraints if constraint else reading.lines).append(line)


def _wrong(requirement: Requirement, *, constraint: bool) -> Iterator[str]:
    """Yields why a mirror cannot serve the requirement, and what is allowed; one reason."""
    text = requirement.text.partition(";")[0].strip()
    if _VARIABLE.search(requirement.text):
        yield "environment variables are not put in here: write the value"
    if requirement.url or _ARCHIVE.search(text) or (requirement.fault and _PATH.search(text)):
        yield _NO_SOURCE
    if requirement.fault:
        yield f"{requirement.fault}; {_ALLOWED}"
    if constraint and requirement.extras:
        yield "a constraint has no extras"
    if SpecifierSet(requirement.specifier).is_unsatisfiable():
        yield "can match no version: its conditions exclude each other"


# -- the whole ------------------------------------------------------------------------------


def _contradictions(reading: _Reading) -> None:
    """Lines that can never hold together, whatever the environment."""
    always: dict[str, list[_Line]] = {}
    for line in (*reading.lines, *reading.constraints):
        if not line.requirement.marker:
            always.setdefault(line.requirement.name, []).append(line)
    for lines in always.values():
        if len(lines) > _MOST_LINES:
            line = lines[_MOST_LINES]
            why = f"more than {_MOST_LINES} lines on one project"
            reading.found.fault(line.source, line.number, line.requirement.text, why)
            continue
        so_far = SpecifierSet()
        for line in lines:
            so_far &= SpecifierSet(line.requirement.specifier)
            if so_far.is_unsatisfiable():
                others = ", ".join(f"{o.source.name}:{o.number}" for o in lines if o is not line)
                why = f"can match no version together with {others}"
                reading.found.fault(line.source, line.number, line.requirement.text, why)
                break


def _pins(reading: _Reading) -> Iterator[Locked]:
    for line in reading.lines:
        requirement = line.requirement
        specifiers = list(SpecifierSet(requirement.specifier))
        one = specifiers[0] if len(specifiers) == 1 else None
        version = versions.parse(one.version) if one and one.operator in ("==", "===") else None
        if version is None:
            reading.found.fault(line.source, line.number, requirement.text, _NO_PIN)
        elif line.hashed and not line.files:
            why = "files that are mirrored exactly are named by --hash=sha256:..."
            reading.found.fault(line.source, line.number, requirement.text, why)
        else:
            yield Locked(requirement.name, str(version), line.files)
