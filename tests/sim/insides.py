"""Wheels before they are packed, and changes that make them odd inside.

Their METADATA stands beside them unharmed. What changes there are: :mod:`tests.sim.inside_words`.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from warnings import catch_warnings, simplefilter

from tests.sim.zips import CENTRAL, LOCAL, Unseekable, find, with_method


@dataclass(frozen=True)
class Inside:
    """A wheel before it is packed: ``name`` as in filenames."""

    name: str
    version: str
    members: tuple[tuple[str, bytes], ...]
    method: int = zipfile.ZIP_DEFLATED
    odd: tuple[str, int] = ("", 0)  # a member that is packed otherwise, and how
    again: tuple[tuple[str, bytes], ...] = ()  # members that RECORD does not list
    spoil: tuple[Callable[[bytes], bytes], ...] = field(default=())

    @property
    def about(self) -> str:
        """The ``.dist-info`` folder."""
        return f"{self.name}-{self.version}.dist-info"

    def put(self, path: str, data: bytes) -> "Inside":
        """With a member in place of the one of this path, if there is one."""
        return replace(self, members=tuple({**dict(self.members), path: data}.items()))

    def without(self, path: str) -> "Inside":
        """Without a member, and RECORD is told."""
        return replace(self, members=tuple(one for one in self.members if one[0] != path))

    def bytes(self) -> bytes:
        """The wheel."""
        members = list(self.members)
        if (f"{self.about}/RECORD", b"-") in members:
            members.remove((f"{self.about}/RECORD", b"-"))
        elif f"{self.about}/RECORD" not in dict(members):
            record = "".join(f"{path},,\n" for path, _ in members)
            members.append((f"{self.about}/RECORD", f"{record}{self.about}/RECORD,,\n".encode()))
        buffer = io.BytesIO()
        with catch_warnings(), zipfile.ZipFile(buffer, "w", self.method) as archive:
            simplefilter("ignore")  # members that are there twice
            for path, data in (*members, *self.again):
                info = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
                method = self.odd[1] if path == self.odd[0] else self.method
                archive.writestr(info, data, method)
        data = buffer.getvalue()
        for spoil in self.spoil:
            data = spoil(data)
        return data


def plain(name: str, version: str, metadata: bytes) -> Inside:
    """A sound wheel of a project (its name as in filenames)."""
    about = f"{name}-{version}.dist-info"
    wheel = b"Wheel-Version: 1.0\nGenerator: sim\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return Inside(
        name,
        version,
        (
            (f"{name}.py", b"x = 1\n" * 9),
            (f"{about}/METADATA", metadata),
            (f"{about}/WHEEL", wheel),
        ),
    )


Change = Callable[[Inside], Inside]


def lacks(name: str) -> Change:
    if name == "RECORD":
        return lambda one: one.put(f"{one.about}/RECORD", b"-")
    return lambda one: one.without(f"{one.about}/{name}")


def has(name: str, data: bytes) -> Change:
    return lambda one: one.put(f"{one.about}/{name}", data)


def member(path: str, data: bytes = b"x\n") -> Change:
    return lambda one: one.put(path.format(one.name, one.version), data)


def again(path: str, data: bytes) -> Change:
    return lambda one: replace(one, again=(*one.again, (path.format(one.name, one.version), data)))


def spoilt(*how: Callable[[bytes], bytes]) -> Change:
    return lambda one: replace(one, spoil=(*one.spoil, *how))


def wheel(text: str) -> Change:
    return has("WHEEL", f"{text}Root-Is-Purelib: true\nTag: py3-none-any\n".encode())


def record(*lines: str, whole: bytes | None = None) -> Change:
    def change(one: Inside) -> Inside:
        paths = [path for path, _ in one.members]
        text = "".join(f"{path},,\n" for path in paths)
        text += "".join(line.format(one.name, one.version) + "\n" for line in lines)
        data = f"{text}{one.about}/RECORD,,\n".encode() if whole is None else whole
        return one.put(f"{one.about}/RECORD", data)

    return change


def said(old: bytes, new: bytes) -> Change:
    def change(one: Inside) -> Inside:
        path = f"{one.about}/METADATA"
        data = dict(one.members)[path]
        assert old in data, (old, data)
        return one.put(path, data.replace(old, new, 1))

    return change


def says(more: bytes) -> Change:
    return said(b"Summary: ", more + b"Summary: ")


def folder(name: str) -> Change:
    def change(one: Inside) -> Inside:
        to = name.format(one.name, one.version)
        members = [(path.replace(one.about, to), data) for path, data in one.members]
        record = "".join(f"{path},,\n" for path, _ in members)
        members.append((f"{to}/RECORD", f"{record}{to}/RECORD,,\n".encode()))
        return replace(one, members=(*members, (f"{one.about}/RECORD", b"-")))

    return change


def packed(method: int, path: str = "") -> Change:
    if not path:
        return lambda one: replace(one, method=method)
    return lambda one: replace(one, odd=(path.format(one.name, one.version), method))


def rewritten(wanted: str, method: int, pack: Callable[[bytes], bytes]) -> Change:
    """A member whose bytes are packed by a method that ``zipfile`` does not know."""

    def change(one: Inside) -> Inside:
        path = wanted.format(one.name, one.version).encode()
        content = pack(dict(one.members)[path.decode()])

        def spoil(data: bytes) -> bytes:
            return with_method(data, path, method, len(content))

        there = replace(one, odd=(path.decode(), zipfile.ZIP_STORED), spoil=(*one.spoil, spoil))
        crc = zlib.crc32(dict(one.members)[path.decode()])
        size = len(dict(one.members)[path.decode()])

        def restate(data: bytes) -> bytes:
            """The stored bytes are the packed ones; checksum and size are those of the text."""
            for mark, at in ((LOCAL, 14), (CENTRAL, 16)):
                start = find(data, mark, path)
                stated = struct.pack("<LLL", crc, len(content), size)
                data = data[: start + at] + stated + data[start + at + 12 :]
            return data

        packed = there.put(path.decode(), content)
        return replace(packed, spoil=(*there.spoil, restate))

    return change


def streamed(method: int) -> Change:
    """With data descriptors behind the members, as a program that cannot seek writes them."""

    def spoil(data: bytes) -> bytes:
        buffer = Unseekable()
        with (
            zipfile.ZipFile(io.BytesIO(data)) as old,
            zipfile.ZipFile(buffer, "w", method) as new,
        ):
            for info in old.infolist():
                fresh = zipfile.ZipInfo(info.filename, info.date_time)
                new.writestr(fresh, old.read(info), method)
        return buffer.getvalue()

    return spoilt(spoil)


def attributes(path: str, mode: int, data: bytes) -> Change:
    def change(one: Inside) -> Inside:
        def spoil(packed: bytes) -> bytes:
            start = find(packed, CENTRAL, path.encode())
            attributes = struct.pack("<L", mode << 16)
            return packed[: start + 38] + attributes + packed[start + 42 :]

        return replace(one.put(path, data), spoil=(*one.spoil, spoil))

    return change


def renamed(old: str, new: bytes, marks: Sequence[bytes] = (LOCAL, CENTRAL)) -> Change:
    """Other bytes in a member's name, of the same length; RECORD has the old ones."""

    def spoil(data: bytes) -> bytes:
        for mark in marks:
            at = find(data, mark, old.encode()) + (30 if mark == LOCAL else 46)
            data = data[:at] + new + data[at + len(new) :]
        return data

    return lambda one: replace(one.put(old, b"x\n"), spoil=(*one.spoil, spoil))
