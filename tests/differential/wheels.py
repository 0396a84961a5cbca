"""Wheels, and sdists beside them, with oddities, told in words."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sim import dists
from tests.sim.inside_words import INSIDES
from tests.sim.insides import plain


def _put(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace the first of these bytes."""
    return lambda data: data.replace(old, new, 1)


def _without(field: bytes) -> Callable[[bytes], bytes]:
    """Leave out the lines of a field."""
    return lambda data: b"".join(x for x in data.splitlines(True) if not x.startswith(field))


def _behind(more: bytes) -> Callable[[bytes], bytes]:
    """Add bytes at the end."""
    return lambda data: data + more


_NOTHING = b"Requires-Dist: nothing-9"
HEADERS: dict[str, Callable[[bytes], bytes]] = {
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR": lambda data: data.replace(b"\n", b"\r"),
    "a blank line first": lambda data: b"\n" + data,
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "a From line": lambda data: b"From somebody\n" + data,
    "lower case": lambda data: data.replace(b"Name", b"name").replace(b"Dist:", b"dist:"),
    "two Names": _put(b"Version: ", b"Name: other\nVersion: "),
    "two Versions": _behind(b"Version: 9.0\n"),
    "no Name": _without(b"Name"),
    "no Version": _without(b"Version"),
    "no Metadata-Version": _without(b"Metadata-Version"),
    "Metadata-Version 1.0": _put(b"-Version: 2.1", b"-Version: 1.0"),
    "Metadata-Version 2.5": _put(b"-Version: 2.1", b"-Version: 2.5"),
    "Metadata-Version 3.0": _put(b"-Version: 2.1", b"-Version: 3.0"),
    "Metadata-Version x": _put(b"-Version: 2.1", b"-Version: x"),
    "Metadata-Version 2": _put(b"-Version: 2.1", b"-Version: 2"),
    "bytes that are no UTF-8": _behind(b"Summary: \xff\xe9\n"),
    "a blank line before the requirements": _put(b"Requires-Dist", b"\nRequires-Dist"),
    "a line that is none": _put(b"Requires-Dist", b"nonsense\nRequires-Dist"),
    "a folded line": _put(b"Requires-Dist: ", b"Requires-Dist:\n  "),
    "a tab behind the colon": _put(b"Requires-Dist: ", b"Requires-Dist:\t"),
    "a blank before the colon": _put(b"Requires-Dist:", b"Requires-Dist :"),
    "a NUL": _put(b"Summary: ", b"Summary: \0"),
    "a description": _behind(b"Keywords: a\n\n" + _NOTHING + b"\n"),
    "nothing in it": lambda _: b"",
    "UNKNOWN": _behind(b"License: UNKNOWN\nAuthor-email: x\n"),
    "Dynamic": _behind(b"Dynamic: Requires-Dist\n"),
    "a vertical tab": _put(b"Summary: A", b"Summary: A\x0b" + _NOTHING),
    "a file separator": _put(b"Summary: A", b"Summary: A\x1c" + _NOTHING),
    "a next line character": _put(b"Summary: A", b"Summary: A\xc2\x85" + _NOTHING),
}


@dataclass(frozen=True)
class Release:
    """One file of one release, most often a wheel, and its entry on the page."""

    project: str
    version: str
    requires: tuple[str, ...] = ()
    inside: str | None = None  # Requires-Python
    extras: tuple[str, ...] = ()
    name: str = ""  # in METADATA; default: its own
    says: str = ""  # version in METADATA; default: its own
    header: str = ""  # of HEADERS
    packed: str = ""  # of INSIDES
    filename: str = ""
    entry: tuple[tuple[str, Any], ...] = ()  # keys of the page's entry; ...: not stated
    serves_metadata: bool = True
    sdist: dists.SdistMetadata | None = None  # it is one, whose PKG-INFO is such
    builds_with: tuple[str, ...] = ()  # what an sdist needs to be built

    @property
    def stem(self) -> str:
        """What a wheel's filename begins with."""
        return f"{self.project.replace('-', '_')}-{self.version}"

    @property
    def called(self) -> str:
        """The filename."""
        ending = ".tar.gz" if self.sdist else "-py3-none-any.whl"
        return self.filename or f"{self.stem}{ending}"

    def metadata(self) -> bytes:
        """Its METADATA."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name or self.project}"]
        lines += [f"Version: {self.says or self.version}", "Summary: A simulated project"]
        lines += [] if self.inside is None else [f"Requires-Python: {self.inside}"]
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {line}" for line in self.requires]
        return HEADERS.get(self.header, bytes)(("\n".join(lines) + "\n").encode())

    def content(self) -> bytes:
        """The wheel, or an sdist."""
        if self.sdist:
            dist = dists.Dist(
                self.project, self.version, self.requires, self.extras, self.inside,
                says=self.says, called=self.name,
            )  # fmt: skip
            return dists.build_sdist(dist, self.sdist, build_requires=self.builds_with).content
        one = plain(self.project.replace("-", "_"), self.version, self.metadata())
        return INSIDES[self.packed or "sound"](one).bytes()
