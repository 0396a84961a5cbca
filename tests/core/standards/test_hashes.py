"""The hashes that an index states: which one counts, and what computes it."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.core.standards.hashes import ALGORITHMS, chosen, hasher, matches
from tests.deep import scaled

BYTES = b"what a wheel holds"
# As hashlib itself says, by the name under which an index states it.
DIGESTS = {
    "sha512": hashlib.sha512(BYTES).hexdigest(),
    "sha3_512": hashlib.sha3_512(BYTES).hexdigest(),
    "blake2b": hashlib.blake2b(BYTES).hexdigest(),
    "sha384": hashlib.sha384(BYTES).hexdigest(),
    "sha3_384": hashlib.sha3_384(BYTES).hexdigest(),
    "sha256": hashlib.sha256(BYTES).hexdigest(),
    "sha3_256": hashlib.sha3_256(BYTES).hexdigest(),
    "blake2b_256": hashlib.blake2b(BYTES, digest_size=32).hexdigest(),
    "sha224": hashlib.sha224(BYTES).hexdigest(),
    "sha1": hashlib.sha1(BYTES).hexdigest(),
    "md5": hashlib.md5(BYTES).hexdigest(),
}
STRONGEST_FIRST = list(DIGESTS)


def test_every_algorithm_has_its_length_and_its_rank() -> None:
    assert list(ALGORITHMS) == STRONGEST_FIRST
    assert {name: len(digits) for name, digits in DIGESTS.items()} == ALGORITHMS


@pytest.mark.parametrize("name", STRONGEST_FIRST)
def test_what_is_stated_is_computed_alike(name: str) -> None:
    stated = f"{name}:{DIGESTS[name]}"
    whole, parts, other = hasher(stated), hasher(stated), hasher(stated)
    whole.update(BYTES)
    for at in range(0, len(BYTES), 5):
        parts.update(BYTES[at : at + 5])
    other.update(BYTES + b"!")
    assert whole.hexdigest() == DIGESTS[name]
    assert matches(whole, stated)
    assert matches(parts, stated)
    assert not matches(other, stated)


@pytest.mark.parametrize("text", ["", "sha256x:00", "shake_128:00", "SHA256:00", ":00", "x" * 99])
def test_an_unknown_algorithm_computes_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is no algorithm of a hash") as raised:
        hasher(text)
    assert len(str(raised.value)) < 70  # hostile names are cut off


@given(st.sets(st.sampled_from(STRONGEST_FIRST)), st.randoms(use_true_random=False))
@settings(max_examples=scaled(200))
def test_sha256_counts_and_else_the_strongest(names: set[str], draw: object) -> None:
    stated = [(name, DIGESTS[name]) for name in sorted(names)]
    draw.shuffle(stated)  # type: ignore[attr-defined]
    found = chosen(stated)
    if "sha256" in names:
        assert found == (DIGESTS["sha256"], "")
    elif names:
        best = min(names, key=STRONGEST_FIRST.index)
        assert found == ("", f"{best}:{DIGESTS[best]}")
        check = hasher(found[1])
        check.update(BYTES)
        assert matches(check, found[1])
    else:
        assert found == ("", "")


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([("SHA256", DIGESTS["sha256"].upper())], (DIGESTS["sha256"], "")),
        ([("SHA3-256", DIGESTS["sha3_256"])], ("", f"sha3_256:{DIGESTS['sha3_256']}")),
        # what is no hash counts as unsaid
        ([("sha256", DIGESTS["sha256"][:-1])], ("", "")),
        ([("sha256", "g" * 64)], ("", "")),
        ([("sha256", "")], ("", "")),
        ([("sha257", DIGESTS["sha256"])], ("", "")),
        ([("sha512", DIGESTS["sha256"]), ("md5", DIGESTS["md5"])], ("", f"md5:{DIGESTS['md5']}")),
        ([("sha256", "0" * 63 + "\n")], ("", "")),
        # of one that is stated twice, the first
        ([("sha256", "0" * 64), ("sha256", "1" * 64)], ("0" * 64, "")),
        ([("sha256", "x"), ("sha256", "1" * 64)], ("1" * 64, "")),
    ],
)
def test_what_is_no_hash_counts_as_unsaid(
    stated: list[tuple[str, str]], expected: tuple[str, str]
) -> None:
    assert chosen(stated) == expected
