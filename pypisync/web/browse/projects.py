"""The pages that find a project and show it, and the roots."""

from collections.abc import Mapping
from typing import Any

from packaging.utils import canonicalize_name

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries import projects
from pypisync.catalog.queries.listings import roots, search
from pypisync.catalog.queries.why import reasons
from pypisync.core.standards import versions
from pypisync.web.browse.drawing import graph
from pypisync.web.browse.paging import Paging

_RELEASES = 15
_ROOTS = 20
_NODES = 400  # releases that are looked at for the sizes of the roots on a page
_NEEDS = 300
_USERS = 100
_PROOFS = 50
_ABOVE = 60  # nodes and requirements that are looked at for "why"
_QUERY = 200  # characters


def found(reader: Reader, text: str, number: int) -> Mapping[str, Any]:
    """Returns the values of the page with the projects that ``text`` finds."""
    asked = "".join(c for c in text if c.isprintable())[:_QUERY].strip()
    name = canonicalize_name(asked)
    paging = Paging(number)
    hits, total = search(reader, name, offset=paging.offset, most=paging.size)
    unlisted = ""
    if asked and not any(hit.name == name for hit in hits) and projects.project(reader, name):
        unlisted = name
    return {"q": asked, "hits": hits, "paging": paging.of(total), "unlisted": unlisted}


def project(reader: Reader, name: str, release: str, number: int) -> Mapping[str, Any] | None:
    """Returns the values of a project's page; None: the mirror does not know it.

    ``release``: the one whose requirements are shown, "" for the newest that is wanted.
    """
    known = projects.project(reader, name)
    if known is None:
        return None
    listed = [one.version for one in known.releases]
    if release not in known.selected and release not in listed:
        release = next(iter(known.selected or listed), "")
    paging = Paging(number, _RELEASES).of(len(listed))
    shown = known.releases[paging.offset : paging.offset + paging.size]
    users, uses = projects.users(reader, name, _USERS)
    proofs, proven = projects.proofs(reader, name, _PROOFS)
    version = versions.parse(release) if release else None
    why = reasons(reader, name, version, _ABOVE, uses=_ABOVE) if version else []
    ways = why[0].ways if why else ()
    return {
        "project": known,
        "release": release,
        "shown": shown,
        "files": projects.files(reader, name, [one.version for one in shown]),
        "paging": paging,
        "bytes": sum(one.bytes for one in known.releases),
        "needs": projects.needs(reader, name, release, _NEEDS),
        "users": users,
        "uses": uses,
        "unproven": projects.unproven(reader, name),
        "proofs": proofs,
        "proven": proven,
        "vulnerabilities": projects.vulnerabilities(reader, name, _PROOFS),
        "ways": ways[:6],
        "all_ways": len(ways) if not why or why[0].whole else None,
        "graph": graph(name, release, ways),
    }


def wanted(reader: Reader, number: int) -> Mapping[str, Any]:
    """Returns the values of the page with the roots."""
    paging = Paging(number, _ROOTS)
    lines, total = roots(reader, offset=paging.offset, most=paging.size, nodes=_NODES)
    return {"roots": lines, "paging": paging.of(total)}
