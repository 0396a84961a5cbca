"""Kinds of index as data: what the same world looks like as another index would serve it.

Each face says where its documents lie, which forms and keys they have, what a name that is not
there gets, and how files are served. The values are those of the documents and sources named at
each; :mod:`tests.sim.face_routes` serves them. ``tells`` are the facts that a client can know by
this face; what is missing there, a mirror of it cannot know either.
"""

from dataclasses import dataclass, replace
from typing import Literal

# Of a project page: PEP 691 by Accept alone, JSON whatever is asked for, HTML whatever is asked
# for, or JSON where it is asked for and 406 else.
Form = Literal["negotiated", "json", "html", "json or 406"]
# What a name that is not there gets; elsewhere: HTTP 302 to another host.
Unknown = Literal["404", "403", "empty", "elsewhere"]
# dash: "#sha256-<hex>"; some: every other file has none.
Hashes = Literal["sha256", "dash", "md5", "sha512", "some", "none"]
Links = Literal["absolute", "relative", "root"]
Told = Literal[
    "sha256", "requires-python", "yanked", "metadata", "size", "uploaded", "status", "removal"
]

EVERYTHING = frozenset[Told](
    {"sha256", "requires-python", "yanked", "metadata", "size", "uploaded", "status", "removal"}
)


@dataclass(frozen=True, slots=True)
class Face:
    """One kind of index."""

    name: str
    folder: str = "/simple/"  # of its root, to which only "<name>/" is appended
    form: Form = "negotiated"
    root: Literal["negotiated", "html", "names", "none"] = "negotiated"  # names: without serials
    version: str = "1.4"  # of the Simple API
    serial: Literal["number", "text", "constant", "none"] = "number"
    unknown: Unknown = "404"
    xmlrpc: bool = True
    legacy: bool = True  # /pypi/<name>/json
    releases: bool = True  # /pypi/<name>/<version>/json
    etags: bool = True
    dates: bool = False  # Last-Modified
    hashes: Hashes = "sha256"
    links: Links = "absolute"
    blobs: bool = True  # files lie where PyPI's lie; else below their project and version
    ranges: Literal["yes", "no", "lies"] = "yes"  # lies: announced, and everything is sent
    stamp: bool = False  # a new time stamp in every body
    empties: bool = False  # absent values are written as ""
    headers: tuple[tuple[str, str | None], ...] = ()  # of pages: replaced, or left out (None)
    tells: frozenset[Told] = EVERYTHING


_HTML = EVERYTHING - {"size", "uploaded", "status"}
# Neither serials nor any API besides the pages, as of all indexes that are not like PyPI.
_PAGES_ONLY = Face("", serial="none", xmlrpc=False, legacy=False, releases=False)

FACES = (
    Face("pypi"),
    # bandersnatch 8 (src/bandersnatch/simple.py) behind nginx: files, so every form has an address
    # of its own and a plain client gets HTML; here the sample configuration's negotiation.
    Face(
        "bandersnatch",
        root="names",
        version="1.1",
        serial="text",
        xmlrpc=False,
        releases=False,
        dates=True,
        links="relative",
        empties=True,
        tells=EVERYTHING - {"status"},
    ),
    # A caching proxy of a company: project pages as JSON 1.1, an HTML root without serials.
    Face(
        "proxy",
        root="html",
        version="1.1",
        serial="text",
        xmlrpc=False,
        releases=False,
        etags=False,
        tells=EVERYTHING - {"metadata", "status"},
    ),
    # PyTorch (pytorch/test-infra, s3_management/manage.py): HTML, no root, a time stamp comment.
    replace(
        _PAGES_ONLY,
        name="vendor",
        folder="/whl/cpu/",
        form="html",
        root="none",
        unknown="403",
        etags=False,
        hashes="some",
        links="root",
        blobs=False,
        stamp=True,
        tells=_HTML - {"removal"},
    ),
    # devpi 6 (server/devpi_server/views.py): JSON 1.0 without sizes and times, names in the root.
    replace(
        _PAGES_ONLY,
        name="devpi",
        folder="/team/dev/+simple/",
        root="names",
        version="1.0",
        etags=False,
        links="relative",
        blobs=False,
        tells=EVERYTHING - {"size", "uploaded", "status"},
    ),
    # A Nexus group (uv#7273, uv#1754, nexus-public#296): HTML, an empty page for unknown names.
    replace(
        _PAGES_ONLY,
        name="nexus",
        folder="/repository/pypi/simple/",
        form="html",
        root="html",
        unknown="empty",
        etags=False,
        hashes="md5",
        links="relative",
        blobs=False,
        headers=(("Content-Type", None), ("Vary", None)),
        tells=_HTML - {"sha256", "metadata"},
    ),
    # Artifactory (uv#1370, pip#8723): ranges announced, everything sent; the JSON API proxied.
    replace(
        _PAGES_ONLY,
        name="artifactory",
        folder="/api/pypi/pypi/simple/",
        form="html",
        root="html",
        links="relative",
        ranges="lies",
        blobs=False,
        headers=(("Cache-Control", "max-age=60"),),
        tells=_HTML - {"metadata"},
    ),
    # GitLab (docs: pypi_repository; uv#7359): what it does not have it sends to PyPI's host.
    replace(
        _PAGES_ONLY,
        name="gitlab",
        folder="/api/v4/projects/1/packages/pypi/simple/",
        form="html",
        root="none",
        unknown="elsewhere",
        etags=False,
        blobs=False,
        tells=_HTML - {"metadata", "yanked"},
    ),
    # AWS CodeArtifact (python-compatibility.md): no root; JSON 1.1 by Accept.
    replace(
        _PAGES_ONLY,
        name="codeartifact",
        folder="/pypi/repo/simple/",
        form="json or 406",
        root="none",
        version="1.1",
        etags=False,
        links="relative",
        ranges="no",
        blobs=False,
        tells=EVERYTHING - {"metadata", "status"},
    ),
    # Gitea and Forgejo (templates/api/packages/pypi/simple.tmpl; uv#3017): a dash in the fragment.
    replace(
        _PAGES_ONLY,
        name="gitea",
        folder="/api/packages/owner/pypi/simple/",
        form="html",
        root="none",
        etags=False,
        hashes="dash",
        blobs=False,
        tells=_HTML - {"metadata", "yanked"},
    ),
    # Pulp (pulp_python/app/pypi/views.py): a serial that never moves.
    Face(
        "pulp",
        version="1.1",
        serial="constant",
        root="names",
        xmlrpc=False,
        releases=False,
        etags=False,
        links="absolute",
        tells=EVERYTHING - {"status"},
    ),
)
BY_NAME = {face.name: face for face in FACES}
PYPI = BY_NAME["pypi"]
