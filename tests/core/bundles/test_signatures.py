"""Whose signatures hold, how many are enough, and what is said where they are not."""

import sys
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pypisync.core import bundles
from pypisync.core.bundles import signatures
from pypisync.core.bundles.signatures import Trust, TrustedKey
from pypisync.errors import BundleError, ConfigError

DATA = b"the manifest"
DAY = 86400.0


@cache
def key(name: str) -> tuple[bytes, TrustedKey]:
    """A private key, and what trusts it; it expires after a day."""
    private, public = signatures.make()
    return private, TrustedKey(name, signatures.identity(public, name), public, DAY)


def by(*names: str, data: bytes = DATA) -> dict[str, list[bytes]]:
    """Signatures of these keys."""
    made = (signatures.sign(key(name)[0], data, name) for name in names)
    return {identity: [signature] for identity, signature in made}


def trust(*names: str, threshold: int = 1) -> Trust:
    return Trust(tuple(key(name)[1] for name in names), threshold)


def refused(given: dict[str, list[bytes]], wanted: Trust, now: float = 0.0) -> str:
    with pytest.raises(BundleError) as raised:
        signatures.check(DATA, given, wanted, now, "m")
    return str(raised.value)


def test_what_a_key_signs_holds_for_these_bytes() -> None:
    assert signatures.check(DATA, by("a"), trust("a"), 0.0, "m") == ("a",)
    a = key("a")[1].identity
    said = f"m: 0 of 1 signatures that are wanted: that of a ({a}) is not of these bytes"
    assert refused(by("a", data=b"other"), trust("a")) == said
    assert refused({a: [b""]}, trust("a")) == said
    assert refused({a: by("b")[key("b")[1].identity]}, trust("a")) == said


def test_one_that_holds_among_several_is_enough() -> None:
    ((identity, (good,)),) = by("a").items()
    given = {identity: [b"x" * signatures.LENGTH, good, b""]}
    assert len(good) == signatures.LENGTH
    assert signatures.check(DATA, given, trust("a"), 0.0, "m") == ("a",)


def test_a_threshold_counts_keys() -> None:
    wanted = trust("a", "b", "c", threshold=2)
    assert signatures.check(DATA, by("c", "a"), wanted, 0.0, "m") == ("a", "c")
    assert signatures.check(DATA, by("a", "b", "c"), wanted, 0.0, "m") == ("a", "b", "c")
    b, c = (key(name)[1].identity for name in "bc")
    assert refused(by("a"), wanted) == (
        f"m: 1 of 2 signatures that are wanted: none of b ({b}); none of c ({c})"
    )


def test_an_expired_key_counts_no_more() -> None:
    assert signatures.check(DATA, by("a"), trust("a"), DAY - 0.5, "m") == ("a",)
    said = f"a ({key('a')[1].identity}) has expired on 1970-01-02"
    assert refused(by("a"), trust("a"), DAY).endswith(f": {said}")
    assert refused(by("a"), trust("a"), DAY + 1).endswith(f": {said}")
    for_ever = TrustedKey("a", key("a")[1].identity, key("a")[1].public, None)
    assert signatures.check(DATA, by("a"), Trust((for_ever,)), 1e12, "m") == ("a",)


def test_the_day_is_told_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the machine is: both sides read the same."""
    with monkeypatch.context() as away:
        away.setenv("TZ", "XYZ12")  # west: there it is still the day before
        time.tzset()
        assert refused(by("a"), trust("a"), DAY).endswith(" has expired on 1970-01-02")
    time.tzset()


def test_a_trusted_key_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^mine: no public key \(PEM\) that can be read: "):
        signatures.check(DATA, {"x": [b""]}, Trust((TrustedKey("mine", "x", b"", None),)), 0.0, "m")


def test_strangers_are_named_three_at_most() -> None:
    given = {f"{number:016}": [b""] for number in (4, 2, 3, 1)}
    a = key("a")[1].identity
    strange = "; ".join(f"{number:016} is not trusted here" for number in (1, 2, 3))
    assert refused(given, trust("a")) == (
        f"m: 0 of 1 signatures that are wanted: none of a ({a}); {strange}"
    )


def test_nobody_is_trusted_by_default() -> None:
    assert Trust() == Trust((), 1, unsigned=False)
    said = "m: no key is trusted here: name some in bundles.trusted"
    assert refused(by("a"), Trust()) == said
    assert refused({}, Trust((), 0, unsigned=True)) == said


def test_a_key_is_called_by_its_public_part() -> None:
    """Of the first key of RFC 8032: as ``openssl pkey -pubin -outform DER | sha256sum`` says."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = signatures.public_of(private, "k")
    assert public.startswith(b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA")
    name, signature = signatures.sign(private, b"", "k")
    assert name == signatures.identity(public, "k") == "06e3fd8fda29bb60"
    assert signature.hex().startswith(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    )


def test_a_new_key_is_a_pair() -> None:
    private, public = signatures.make()
    assert private.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert signatures.public_of(private, "k") == public
    assert signatures.make()[0] != private


def other_kind() -> tuple[bytes, bytes]:
    """A key of an elliptic curve that is not Ed25519's."""
    found = ec.generate_private_key(ec.SECP256R1())
    private = found.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = found.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


# OpenSSL says of it what cryptography does not foresee.
DAMAGED = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VxBCIEIHILaN1s32GpCqsMlUTwTIapiKFQmbvgi1DxisSKBGY+
-----END PRIVATE KEY-----
"""


def test_what_is_no_key_is_refused_by_its_name() -> None:
    private, public = other_kind()
    kind = r"k: a key of another kind: Ed25519 is needed$"
    for use, data, why in (
        (signatures.public_of, private, kind),
        (signatures.identity, public, kind),
        (signatures.public_of, public, "this is a public key: the private one beside it signs$"),
        (signatures.public_of, DAMAGED, r"k: no private key \(PEM\) that can be read: \S"),
        (signatures.public_of, b"", r"k: no private key \(PEM\) that can be read: \S"),
        (signatures.identity, private, "this is a private key: name the public one, and keep it$"),
        (signatures.identity, b"", r"k: no public key \(PEM\) that can be read: \S"),
    ):
        with pytest.raises(ConfigError, match=why):
            use(data, "k")
    with pytest.raises(ConfigError, match=kind):
        signatures.sign(private, DATA, "k")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(bundles, "ed25519_library", raising=False)
    monkeypatch.setitem(sys.modules, "pypisync.core.bundles.ed25519_library", None)
    said = r"^signatures need more packages \(.*\): install pypisync\[signatures\]$"
    with pytest.raises(ConfigError, match=said):
        signatures.make()
