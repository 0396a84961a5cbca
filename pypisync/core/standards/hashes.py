"""The hashes that indexes state for files, and what computes them.

A hash is spelt "algorithm:hexadecimal digits". Algorithms are named as in ``hashlib`` (PEP 503, and
PEP 691, "hashes"); these are the ones that indexes have been seen to state. "blake2b_256" is the
legacy JSON API's name for BLAKE2b with 32 bytes.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Protocol

# Algorithm -> hexadecimal digits, the strongest first.
ALGORITHMS = {
    "sha512": 128,
    "sha3_512": 128,
    "blake2b": 128,
    "sha384": 96,
    "sha3_384": 96,
    "sha256": 64,
    "sha3_256": 64,
    "blake2b_256": 64,
    "sha224": 56,
    "sha1": 40,
    "md5": 32,
}
_RANK = {name: place for place, name in enumerate(ALGORITHMS)}
_HEX = re.compile(r"[0-9a-f]+")


class Hash(Protocol):
    """What bytes are hashed with, as ``hashlib`` makes it."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """Returns the digits for all bytes so far."""


def chosen(stated: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Returns of the hashes (algorithm, digits) the SHA-256, and else the strongest as a text.

    Either is "" if it is not stated. What is no hash of a known algorithm counts as unsaid.
    """
    sound: dict[str, str] = {}
    for algorithm, digits in stated:
        name, value = algorithm.lower().replace("-", "_"), digits.lower()
        if ALGORITHMS.get(name) == len(value) and _HEX.fullmatch(value):
            sound.setdefault(name, value)
    if "sha256" in sound or not sound:
        return sound.get("sha256", ""), ""
    best = min(sound, key=_RANK.__getitem__)
    return "", f"{best}:{sound[best]}"


def hasher(stated: str) -> Hash:
    """Returns what computes the hash that is ``stated``. Raises ValueError if nothing does."""
    name = stated.partition(":")[0]
    if name not in ALGORITHMS:
        raise ValueError(f"{name[:30]!r} is no algorithm of a hash")
    if name == "blake2b_256":
        return hashlib.blake2b(digest_size=32)
    # MD5 and SHA-1 only find damage; SHA-256 of the same bytes is what is kept.
    return hashlib.new(name, usedforsecurity=False)


def matches(hash_: Hash, stated: str) -> bool:
    """Returns whether the bytes taken in have the hash that is ``stated``."""
    return hash_.hexdigest() == stated.partition(":")[2]
