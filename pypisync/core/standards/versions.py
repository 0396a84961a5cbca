"""Which version is newer, as bytes.

A version's key sorts, byte by byte, as PEP 440 orders versions. So a database index or a bisection
finds "the newest that matches" without parsing anything. ``packaging`` parses the text of versions;
:mod:`pypisync.core.standards.specifiers` has specifiers as intervals of keys.

Layout, with I(n) the length of n in bytes followed by n, big end first::

    I(epoch)  I(part) of each release part, trailing zeros cut  00
    pre   00 none, but a development release | 01, 02, 03 and I(n): a, b, rc | 04 none
    post  00 none | 01 I(n)
    dev   00 I(n) | 01 none
    local 00 none | 01, of each part 01 text 00 or 02 I(n), 00

No key is the beginning of another.
"""

from functools import lru_cache

from packaging.version import Version

_PRE = {"a": b"\x01", "b": b"\x02", "rc": b"\x03"}
_SMALL = tuple(bytes((1, n)) for n in range(256))
_FINAL = b"\x04\x00\x01\x00"  # neither pre, post, dev nor local


@lru_cache(maxsize=100_000)
def parse(text: str) -> Version | None:
    """Returns the version that ``text`` spells, as PEP 440 allows; None if it is none."""
    try:
        return Version(text)
    except ValueError:  # also a number with more digits than Python converts
        return None


@lru_cache(maxsize=100_000)
def key(version: Version) -> bytes:
    """Returns the key of ``version``.

    Two keys compare as their versions do, and are equal if and only if these are.
    """
    return encode(
        version.epoch, version.release, version.pre, version.post, version.dev, version.local
    )


def key_of(text: str) -> bytes | None:
    """Returns the key of the version that ``text`` spells; None if it is none."""
    version = parse(text)
    return None if version is None else key(version)


def encode(
    epoch: int,
    release: tuple[int, ...],
    pre: tuple[str, int] | None = None,
    post: int | None = None,
    dev: int | None = None,
    local: str | None = None,
) -> bytes:
    """Returns the key of the version with these segments, spelt as ``Version``'s attributes."""
    head = release_key(epoch, release)
    if (pre, post, dev, local) == (None, None, None, None):
        return head + _FINAL
    if pre is not None:
        head += _PRE[pre[0]] + _number(pre[1])
    else:
        # PEP 440: 1.0.dev1 comes before 1.0a1, but 1.0.post1.dev1 after 1.0.
        head += b"\x00" if post is None and dev is not None else b"\x04"
    head += b"\x00" if post is None else b"\x01" + _number(post)
    head += b"\x01" if dev is None else b"\x00" + _number(dev)
    return head + (b"\x00" if local is None else _local(local))


def release_key(epoch: int, release: tuple[int, ...]) -> bytes:
    """Returns the common beginning of the keys of this release and of all its variants.

    Variants are its pre-, post- and development releases and local versions.
    """
    end = len(release)
    while end and not release[end - 1]:
        end -= 1
    return _number(epoch) + b"".join(map(_number, release[:end])) + b"\x00"


def _number(number: int) -> bytes:
    if number < 256:
        return _SMALL[number]
    size = (number.bit_length() + 7) // 8
    # A length that needs more than one byte follows FF, as a number itself.
    length = bytes((size,)) if size < 255 else b"\xff" + _number(size)
    return length + number.to_bytes(size, "big")


def _local(local: str) -> bytes:
    parts = (
        b"\x02" + _number(int(part)) if part.isdigit() else b"\x01" + part.encode() + b"\x00"
        for part in local.split(".")
    )
    return b"\x01" + b"".join(parts) + b"\x00"
