"""How one version of a document is told from another (RFC 9110, 8.8).

Upstream's own validators go back in the next request. Many indexes send none, and some put a time
stamp into every body, so a digest of the parsed content is kept beside them. A digest of the bytes
follows it, after a dot: the same bytes need not be parsed to be known.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from pypisync.core.standards.model import ManyFiles, ProjectDocument, Validators

_ETAG = re.compile(r'(?:W/)?"[!#-~]{0,200}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


def stamped(
    document: ProjectDocument, headers: Mapping[str, str], bytes_digest: str = ""
) -> ProjectDocument:
    """Returns the document with the validators of the answer that it came in."""
    said = ".".join(filter(None, (digest(document), bytes_digest)))
    return replace(document, validators=replace(of_headers(headers), digest=said))


def of_bytes(url: str, kind: str, body: bytes) -> str:
    """Returns a digest of an answer's bytes, and of the URL and Content-Type they are read by."""
    hashed = blake2b(f"{url}\n{kind}\n".encode(errors="replace"), digest_size=16)
    hashed.update(body)  # which may be large, so it is not copied
    return hashed.hexdigest()


def are_bytes(known: Validators, bytes_digest: str) -> bool:
    """Returns whether a document is the known one by its bytes alone."""
    return known.digest.partition(".")[2] == bytes_digest


def unless_same(known: Validators, found: Validators) -> Validators | None:
    """Returns the validators to record of a document whose content is the known one.

    None: its content is another. Those of an answer that differs in its bytes alone are not
    recorded, because there are indexes where every answer does.
    """
    if known.digest.partition(".")[0] != found.digest.partition(".")[0]:
        return None
    return replace(found, digest=known.digest)


def of_headers(headers: Mapping[str, str]) -> Validators:
    """Returns the validators in an answer's headers, those that can be sent back (RFC 9110)."""
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    return Validators(
        etag if _ETAG.fullmatch(etag) else None, modified if _DATE.fullmatch(modified) else None
    )


def conditions(known: Validators) -> dict[str, str]:
    """Returns the headers that ask for a document only if it is another than the known one."""
    asked = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in asked.items() if value}


def digest(document: ProjectDocument) -> str:
    """Returns a digest of what the document says: equal for equal content in any order."""
    said = {
        name: getattr(document, name)
        for name in document.__struct_fields__
        if name not in ("validators", "files")
    }
    files = document.files
    if not isinstance(files, ManyFiles):
        files = sorted(files, key=lambda file: file.filename)
        return blake2b(_encoded((said, files)), digest_size=16).hexdigest()
    # The same bytes, piece by piece.
    hashed = blake2b(b"[" + _encoded(said) + b",[", digest_size=16)
    names = files.names
    for count, place in enumerate(sorted(range(len(names)), key=names.__getitem__)):
        hashed.update(b"," * bool(count) + _encoded(files[place]))
    hashed.update(b"]]")
    return hashed.hexdigest()


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")
