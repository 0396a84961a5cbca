"""Signatures of bundles: Ed25519 (RFC 8032) over the bytes of the manifest.

Keys are PEM, private ones PKCS #8 and public ones SubjectPublicKeyInfo; a signature is its 64
bytes. So ``openssl`` checks them too, as docs/reference/bundles.md shows. A key is called by the
first 16 hex digits of the SHA-256 of its public part (DER).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct

from pypisync.errors import BundleError, ConfigError

LENGTH = 64  # bytes
MOST = 100  # signatures that are looked at


class SigningKey(Struct, frozen=True):
    """A private key (PEM), with the name by which faults call it."""

    name: str
    private: bytes


class TrustedKey(Struct, frozen=True):
    """A key whose signatures count, until it expires."""

    name: str  # the operator's
    identity: str
    public: bytes  # PEM
    expires: float | None  # seconds since 1970


class Trust(Struct, frozen=True):
    """Which bundles may be imported."""

    keys: Sequence[TrustedKey] = ()
    threshold: int = 1  # so many different keys must have signed
    unsigned: bool = False  # also bundles that say that nobody signed them


def make() -> tuple[bytes, bytes]:
    """Returns a new private and its public key, as PEM. Raises ConfigError without a library."""
    found = _library()
    form, key = found.serialization, found.ed25519.Ed25519PrivateKey.generate()
    private: bytes = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    return private, _public_pem(found, key.public_key())


def public_of(private: bytes, name: str) -> bytes:
    """Returns the public key of a private one, as PEM. Raises ConfigError, about ``name``."""
    found = _library()
    return _public_pem(found, _private(found, private, name).public_key())


def identity(public: bytes, name: str) -> str:
    """Returns what the key is called. Raises ConfigError, about ``name``, if it is none."""
    found = _library()
    form = found.serialization
    der = _public(found, public, name).public_bytes(
        form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(der).hexdigest()[:16]


def sign(private: bytes, data: bytes, name: str) -> tuple[str, bytes]:
    """Returns what the key is called, and its signature. Raises ConfigError, about ``name``."""
    found = _library()
    key = _private(found, private, name)
    signature: bytes = key.sign(data)
    return identity(_public_pem(found, key.public_key()), name), signature


def check(
    data: bytes, signatures: Mapping[str, Sequence[bytes]], trust: Trust, now: float, name: str
) -> tuple[str, ...]:
    """Returns the names of the keys whose signatures hold: at least as many as are wanted.

    ``signatures`` are by the keys that they say they are of. Raises BundleError, about the bundle
    ``name``, if there are fewer; ConfigError.
    """
    if not trust.keys:
        raise BundleError(f"{name}: no key is trusted here: name some in bundles.trusted")
    held, why = [], []
    for key in trust.keys:
        given = signatures.get(key.identity)
        if not given:
            why.append(f"none of {key.name} ({key.identity})")
        elif not any(_holds(key, data, one) for one in given):
            why.append(f"that of {key.name} ({key.identity}) is not of these bytes")
        elif key.expires is not None and key.expires <= now:
            ended = datetime.fromtimestamp(key.expires, UTC).strftime("%Y-%m-%d")
            why.append(f"{key.name} ({key.identity}) has expired on {ended}")
        else:
            held.append(key.name)
    if len(held) < trust.threshold:
        strange = sorted(signatures.keys() - {key.identity for key in trust.keys})
        why += [f"{one} is not trusted here" for one in strange[:3]]
        raise BundleError(
            f"{name}: {len(held)} of {trust.threshold} signatures that are wanted: {'; '.join(why)}"
        )
    return tuple(held)


def _holds(key: TrustedKey, data: bytes, signature: bytes) -> bool:
    found = _library()
    try:
        _public(found, key.public, key.name).verify(signature, data)
    except found.InvalidSignature:
        return False
    return True


def _public_pem(found: Any, key: Any) -> bytes:
    form = found.serialization
    data: bytes = key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return data


# In the first line of a key's file (RFC 7468).
_PUBLIC, _PRIVATE = b"BEGIN PUBLIC KEY", b"BEGIN PRIVATE KEY"


def _private(found: Any, data: bytes, name: str) -> Any:
    if _PUBLIC in data:
        raise ConfigError([f"{name}: this is a public key: the private one beside it signs"])
    try:
        key = found.serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, found.UnsupportedAlgorithm) as error:
        raise ConfigError([f"{name}: no private key (PEM) that can be read: {error}"]) from None
    except found.InternalError:  # a damaged one, at which OpenSSL says something unforeseen
        raise ConfigError([f"{name}: no private key (PEM) that can be read: damaged"]) from None
    if not isinstance(key, found.ed25519.Ed25519PrivateKey):
        raise ConfigError([f"{name}: a key of another kind: Ed25519 is needed"])
    return key


def _public(found: Any, data: bytes, name: str) -> Any:
    if _PRIVATE in data:
        raise ConfigError([f"{name}: this is a private key: name the public one, and keep it"])
    try:
        key = found.serialization.load_pem_public_key(data)
    except (ValueError, TypeError, found.UnsupportedAlgorithm) as error:
        raise ConfigError([f"{name}: no public key (PEM) that can be read: {error}"]) from None
    except found.InternalError:  # a damaged one, at which OpenSSL says something unforeseen
        raise ConfigError([f"{name}: no public key (PEM) that can be read: damaged"]) from None
    if not isinstance(key, found.ed25519.Ed25519PublicKey):
        raise ConfigError([f"{name}: a key of another kind: Ed25519 is needed"])
    return key


def _library() -> Any:
    """Returns what is used of ``cryptography``, which most installations do without."""
    try:
        from pypisync.core.bundles import ed25519_library
    except ImportError as error:
        raise ConfigError(
            [f"signatures need more packages ({error}): install pypisync[signatures]"]
        ) from None
    return ed25519_library
