"""How one version of a document is told from another (RFC 9110, 8.8).

Upstream's own validators go back in the next request. Many indexes send none, and some put a time
stamp into every body, so a digest of the parsed content is kept beside them.
"""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from hashlib import blake2b

import msgspec

from pypisync.core.standards.model import ProjectDocument, Validators

_ETAG = re.compile(r'(?:W/)?"[!#-~]{0,200}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


def stamped(document: ProjectDocument, headers: Mapping[str, str]) -> ProjectDocument:
    """Returns the document with the validators of the answer that it came in."""
    found = of_headers(headers)
    return replace(document, validators=replace(found, digest=digest(document)))


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
        field.name: getattr(document, field.name)
        for field in fields(document)
        if field.name not in ("validators", "files")
    }
    files = sorted(document.files, key=lambda file: file.filename)
    encoded = msgspec.json.encode((said, files), order="sorted")
    return blake2b(encoded, digest_size=16).hexdigest()
