"""What the cycle and the process of its stream tell each other: values, many in one frame.

A frame is its length, then MessagePack; or a pickle where a text of upstream is no Unicode. Both
sides are this very program.
"""

import pickle
import struct
from pathlib import Path
from typing import IO, Generic, TypeVar

import msgspec
from msgspec import Struct, field

from pypisync.core.standards.model import ProjectDocument, Unchanged
from pypisync.upstream.api import FileAsk, ProjectAsk
from pypisync.upstream.learnt import News
from pypisync.upstream.twins import Recipe

_LENGTH = struct.Struct(">IB")
_PACKED, _PICKLED = 0, 1

_T = TypeVar("_T")


class Begin(Struct, frozen=True):
    """What the process begins with."""

    recipe: Recipe
    root: Path  # of the pool
    reserve: int  # bytes that it leaves on the disk
    came: int  # bytes that have come in this cycle


class Told(Struct):
    """What the cycle tells. Each ask has a number."""

    projects: list[tuple[int, ProjectAsk]] = field(default_factory=list)
    files: list[tuple[int, FileAsk]] = field(default_factory=list)
    most: int | None = None  # bytes, after which files of unknown size are left; None: any
    forget: bool = False  # what is not urgent, and not begun
    news: list[News] = field(default_factory=list)


class Said(Struct):
    """What the process says. Answers have the number of their ask."""

    documents: list[tuple[int, ProjectDocument]] = field(default_factory=list)
    unchanged: list[tuple[int, Unchanged]] = field(default_factory=list)
    files: list[tuple[int, str, int]] = field(default_factory=list)  # with SHA-256 and size
    beside: list[tuple[int, str, int]] = field(default_factory=list)  # METADATA laid, likewise
    failed: bytes = b""  # pairs of a number and an UpstreamError, pickled
    left: list[int] = field(default_factory=list)  # documents too large to be told
    there: dict[str, int] = field(default_factory=dict)  # bytes of files under way, by path
    coming: int = 0  # bytes that are to come for them
    forgotten: list[int] | None = None
    news: list[News] = field(default_factory=list)
    retries: list[tuple[str, str, float]] = field(default_factory=list)  # as a Watch is told them
    ended: bytes = b""  # the error that ends the stream, pickled


class Wire(Generic[_T]):
    """Writes and reads values of one type."""

    def __init__(self, kind: type[_T]) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def packed(self, value: _T) -> bytes:
        """Returns the frame of a value."""
        try:
            form, data = _PACKED, self._encode(value)
        except (ValueError, OverflowError):  # as of a lone surrogate
            form, data = _PICKLED, pickle.dumps(value)
        return _LENGTH.pack(len(data), form) + data

    def unpacked(self, frame: bytes) -> _T:
        """Returns the value in a frame as :func:`read_frame` returns it. Raises ValueError."""
        try:
            if frame[0] == _PICKLED:
                found: _T = pickle.loads(frame[1:])  # noqa: S301 - from this very program
                return found
            return self._decode(memoryview(frame)[1:])
        except (msgspec.MsgspecError, pickle.UnpicklingError) as error:
            raise ValueError(f"no frame of ours: {error}") from error


def read_frame(source: IO[bytes]) -> bytes:
    """Returns the next frame without its length. Raises EOFError at the end."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    size, form = _LENGTH.unpack(head)
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return bytes([form]) + data
