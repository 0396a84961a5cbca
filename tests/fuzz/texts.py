"""What people and clients write: markers, specifiers, lists of requirements, HTTP heads."""

from collections.abc import Sequence
from contextlib import suppress

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pypisync.core.standards import marker_syntax, specifiers, versions
from pypisync.core.wanted import lock_files, requirements_txt, selector
from pypisync.core.wanted.groups import TextFile
from pypisync.web import negotiation

_VERSIONS = [
    Version(text)
    for text in ("0", "0.9", "1.0a1", "1.0.dev1", "1.0", "1.0.post1", "1.0+x", "1.1", "2", "1!0")
]


def marker(data: bytes) -> None:
    """A marker: each comparison has a value, and what it says beside extras is a marker."""
    text = data.decode("utf-8", "replace")
    try:
        parsed = marker_syntax.parse(text)
    except ValueError:
        return
    for atom in parsed.atoms:
        marker_syntax.holds(atom, "3.11")
    rest = marker_syntax.without_extras(text)
    if rest:
        marker_syntax.parse(rest)


def specifier(data: bytes) -> None:
    """A specifier set: it admits what ``packaging`` says that it admits."""
    text = data.decode("utf-8", "replace")
    try:
        matcher = specifiers.matcher(text)
    except ValueError:
        with suppress(InvalidSpecifier):
            SpecifierSet(text)
            raise AssertionError(f"packaging takes {text!r}") from None
        return
    for version in _VERSIONS:
        expected = SpecifierSet(text).contains(version, prereleases=True)
        assert matcher.matches(versions.key(version), str(version)) == expected, (text, version)


def selectors(data: bytes) -> None:
    """What the configuration asks for: of a project, and which."""
    text = data.decode("utf-8", "replace")
    with suppress(ValueError):
        selector.parse_selector(text)
    with suppress(ValueError):
        selector.parse_root(text)


def requirements_file(data: bytes) -> None:
    """A requirements file, with one that it includes."""
    with suppress(ValueError):
        text = requirements_txt.decode(data)
        source = TextFile("requirements.txt", "/requirements.txt", text)
        for resolve in (True, False):
            _, found = requirements_txt.parse("team", source, _include, resolve=resolve)
            _told(found.faults)


def lock_file(data: bytes) -> None:
    """A lock file of each tool."""
    with suppress(UnicodeDecodeError):
        source = TextFile("lock", "/lock", data.decode())
        for form in lock_files.FORMATS:
            _, found = lock_files.parse("lock", source, form)
            _told(found.faults)


def http_head(data: bytes) -> None:
    """The headers of a request that have a meaning here."""
    asked, _, known = data.decode("latin-1").partition("\n")
    negotiation.page_format(asked)
    negotiation.takes_gzip(asked)
    negotiation.is_known(asked, '"x"')
    part = negotiation.part(asked, known, '"x"', 1000)
    assert part is None or 0 <= part[0] <= part[1] <= 1000


def _include(name: str, source: TextFile) -> TextFile:
    if name != "more.txt":
        raise ValueError("no such file")
    return TextFile(name, "/more.txt", "b==1.0\n-r requirements.txt\n")


def _told(faults: Sequence[object]) -> None:
    for fault in faults:
        assert str(fault).isprintable()
