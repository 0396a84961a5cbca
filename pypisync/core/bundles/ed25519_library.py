"""What is used of ``cryptography``: Ed25519, keys as PEM. Imported where signatures are needed."""

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

__all__ = [
    "InternalError",
    "InvalidSignature",
    "UnsupportedAlgorithm",
    "ed25519",
    "serialization",
]
