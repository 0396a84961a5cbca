"""One suite for every upstream: the simulator in process, and the client over HTTP.

What the recipe's tests rely on in the simulator must hold for the client, so both are asked the
same about the same world, and where that is possible their answers are compared as they are.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec.structs import replace

from pypisync.core.standards.model import Change, ProjectDocument, Unchanged
from pypisync.errors import (
    Gone,
    Malformed,
    Stale,
    Unreachable,
    UpstreamError,
)
from pypisync.upstream.api import (
    AskFor,
    FileAsk,
    Index,
    ProjectAsk,
    RequiresAsk,
    VulnerabilitiesAsk,
)
from pypisync.upstream.stream import answers
from tests.contract.faces import Open, over_http
from tests.sim.asks import asked
from tests.sim.log import RequestKind
from tests.sim.memory import MemoryUpstream
from tests.sim.state import Vulnerable
from tests.sim.world import World
from tests.upstream.deposit import MemoryDeposit


def rich() -> World:
    """A world with one of everything."""
    world = World(page_rows=10)
    world.publish("Holy.Grail", "1.0", requires=["swallow>=1"], extras={"fast": ["coconut"]})
    world.publish("Holy.Grail", "2.0rc1", requires_python=">=3.9", sdist=True)
    world.publish("swallow", "1.0", wheels=["cp312-cp312-win_amd64", "py3-none-any"])
    world.publish("swallow", "1.1", metadata=False, claim=None)
    world.yank("swallow", "1.0", "laden")
    world.yank("Holy.Grail", "1.0")
    world.publish("coconut", "1.0", wheels=[], sdist=True, sdist_metadata="dynamic")
    world.publish("coconut", "2004d", claim=["x"])
    world.publish("witch", "1.0")
    world.quarantine("witch")
    world.publish("knight", "1.0")
    world.archive("knight", "ni")
    world.create("empty")
    first = Vulnerable("PYSEC-2026-2", ("CVE-2026-2", "GHSA-2"), ("2.0", "2.1"), "Bites")
    withdrawn = Vulnerable("PYSEC-2026-1", withdrawn="2026-01-02T00:00:00Z")
    world.state_vulnerabilities("swallow", "1.1", first, withdrawn)
    world.publish("hidden", "1.0")
    world.publish("hidden", "2.0")
    world.quarantine_release("hidden", "2.0")
    world.publish("parrot", "1.0")
    world.remove_project("parrot")
    world.publish("gutted", "1.0")
    world.remove_release("gutted", "1.0")
    world.role_change("knight", "Müller")
    world.rename("swallow", "Swallow")
    world.row(None, None, None)
    world.row("knight", None, "add Owner é")
    return world


NAMES = (
    "holy-grail",
    "swallow",
    "coconut",
    "witch",
    "knight",
    "empty",
    "hidden",
    "parrot",
    "gutted",
    "never",
)
RELEASED = [
    ("holy-grail", "1.0"),
    ("holy-grail", "2.0rc1"),
    ("holy-grail", "1"),
    ("swallow", "1.1"),
    ("coconut", "2004d"),
    ("hidden", "2.0"),
    ("witch", "1.0"),
    ("never", "1.0"),
]


def told(answer: object) -> object:
    """An answer to be compared: of errors only the kind, and no digest of bytes."""
    if isinstance(answer, ProjectDocument):
        known = answer.validators
        content = known.digest.partition(".")[0]
        return replace(answer, validators=replace(known, digest=content))
    return type(answer).__name__ if isinstance(answer, UpstreamError) else answer


@pytest.mark.parametrize("kind", ["all", "no xmlrpc", "json only", "simple only", "no etags"])
def test_both_say_the_same_of_a_rich_world(stack: ExitStack, kind: str) -> None:
    world = rich()
    world.faults.xmlrpc = kind not in {"no xmlrpc", "simple only"}
    world.faults.simple = kind != "json only"
    world.faults.json_api = kind != "simple only"
    world.faults.etags = kind != "no etags"
    http, server = over_http(world, stack)
    memory = MemoryUpstream(world, base=server.url)
    first = asked(http, ProjectAsk("knight"))  # learns which API there is
    assert told(first) == told(asked(memory, ProjectAsk("knight")))

    faces: list[Index] = [memory, http]
    serials = [face.serial() for face in faces]
    assert serials == [world.serial] * 2
    changes = [list(face.changes(1000)) for face in faces]
    assert changes[0] == changes[1] != []
    names = [dict(face.names()) for face in faces]
    assert names[0] == names[1] != {}
    asks: list[AskFor[Any]] = [
        *map(ProjectAsk, NAMES),
        *(RequiresAsk(*release) for release in RELEASED),
        *(VulnerabilitiesAsk(*release) for release in RELEASED),
    ]
    found = [
        {ask: told(answer) for ask, answer in answers(face, zip(asks, asks, strict=True))}
        for face in faces
    ]
    assert found[0] == found[1]
    deposits = [fetch_all(face, found[1].values()) for face in faces]
    assert deposits[0] == deposits[1] != {}


def fetch_all(upstream: Index, documents: object) -> dict[str, bytes]:
    """Every file of these documents, and its .metadata file."""
    asks = []
    for document in documents:  # type: ignore[attr-defined]
        for file in document.files if isinstance(document, ProjectDocument) else ():
            asks.append(FileAsk(file.url, file.filename, file.sha256, file.size))
            if file.metadata_sha256:
                path = file.filename + ".metadata"
                asks.append(FileAsk(file.url + ".metadata", path, file.metadata_sha256))
    deposit = MemoryDeposit()
    found = dict(answers(upstream, zip(asks, asks, strict=True), deposit))
    assert set(found) == set(asks)
    assert set(found.values()) <= {None}
    return deposit.files


# --- the journal ------------------------------------------------------------------------------


def test_a_long_journal_is_read_page_by_page(face: Open) -> None:
    world = World(page_rows=10, steps=(1, 3))
    world.noise(25)
    one = face(world)
    changes = list(one.upstream.changes(1000))
    assert [change.serial for change in changes] == [row.serial for row in world.journal]
    assert one.requests("xmlrpc") == 3  # 10, 10 and 5, which is not cut
    assert list(one.upstream.changes(world.serial)) == []
    assert one.requests("xmlrpc") == 4


def test_rows_may_have_holes(face: Open) -> None:
    world = World()
    world.row(None, None, None)
    world.row("a", "1.0", "add py3 file ä&<x>.whl")
    assert list(face(world).upstream.changes(1000)) == [
        Change("", None, "", 1001),
        Change("a", "1.0", "add py3 file ä&<x>.whl", 1002),
    ]


def test_a_rate_limit_is_waited_out(face: Open) -> None:
    world = World()
    world.faults.rate_limit(times=2, seconds=30)
    assert face(world).upstream.serial() == 1000


def test_without_xmlrpc_changes_come_from_the_simple_index(face: Open) -> None:
    world = rich()
    world.faults.xmlrpc = False
    upstream = face(world).upstream
    assert upstream.serial() == world.serial
    changes = list(upstream.changes(world.project("hidden").serial - 1))
    assert [change.name for change in changes] == ["hidden", "gutted", "Swallow", "knight", ""]
    assert changes == sorted(changes, key=lambda change: change.serial)
    assert "parrot" not in upstream.names()


@pytest.mark.parametrize(
    "call",
    [
        lambda upstream: upstream.serial(),
        lambda upstream: list(upstream.changes(0)),
        lambda upstream: upstream.names(),
    ],
    ids=["serial", "changes", "names"],
)
def test_an_upstream_that_is_down_raises(face: Open, call: Callable[[Index], object]) -> None:
    world = rich()
    world.faults.fail("*", 503)
    upstream = face(world).upstream
    with pytest.raises(Unreachable):
        call(upstream)


# --- projects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["simple", "json"])
def test_a_project_costs_one_request(face: Open, kind: RequestKind) -> None:
    world = World()
    names = [f"p{n}" for n in range(30)]
    for name in names:
        world.publish(name, "1.0")
    world.faults.simple = kind == "simple"
    one = face(world)
    one.document("p0")
    before = one.requests(None)
    found = dict(answers(one.upstream, [(ProjectAsk(name), name) for name in names]))
    assert found.keys() == set(names)
    assert all(isinstance(answer, ProjectDocument) for answer in found.values())
    assert one.requests(kind) == 31
    if kind == "simple":  # without it each project is looked for there first: it may be back
        assert one.requests(None) - before == 30


def test_a_known_document_is_unchanged(face: Open) -> None:
    world = rich()
    one = face(world)
    known = one.document("knight")
    assert one.project("knight", known.serial, known.validators) == Unchanged(
        "knight", known.serial
    )
    world.unarchive("knight")  # moves no serial, and yet
    again = one.project("knight", known.serial, known.validators)
    assert isinstance(again, ProjectDocument)
    assert (known.status, again.status) == ("archived", "active")


def test_a_cdn_that_lags_once_is_asked_again(face: Open) -> None:
    world = World()
    world.publish("a", "1.0")
    serial = world.publish("a", "2.0")
    world.faults.stale("a", times=1)
    assert len(face(world).document("a", serial).files) == 2


@pytest.mark.parametrize("simple", [True, False])
@pytest.mark.parametrize("how", ["stale", "stuck"])
def test_a_document_that_stays_old_is_stale(face: Open, how: str, simple: bool) -> None:
    world = World()
    world.publish("a", "1.0")
    serial = world.publish("a", "2.0")
    getattr(world.faults, how)("a")
    world.faults.simple = simple
    assert isinstance(face(world).project("a", serial), Stale)


@pytest.mark.parametrize("simple", [True, False])
def test_what_was_removed_is_gone_even_when_owed(face: Open, simple: bool) -> None:
    world = rich()
    world.faults.simple = simple
    one = face(world)
    one.document("knight")
    for name in ("parrot", "never"):
        assert isinstance(one.project(name, world.serial), Gone)


def test_an_index_with_only_html_is_read_all_the_same(face: Open) -> None:
    world = rich()
    whole = {replace(file, url="") for file in face(world).document("knight").files}
    world.faults.simple_json = world.faults.json_api = False
    one = face(world)
    found = one.document("knight")
    assert (found.form, found.status, found.serial) == ("html", "archived", world.serial)
    assert {replace(file, url="") for file in found.files} == {
        replace(file, size=None, uploaded=None) for file in whole
    }
    same = one.project("knight", found.serial, found.validators)
    assert same == Unchanged("knight", found.serial)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[" * 10**6, b"\xff", b'{"name": "other", "files": []}']
)
def test_a_hostile_document_sets_its_project_aside(face: Open, body: bytes) -> None:
    world = rich()
    world.faults.body("/simple/knight/", body)
    one = face(world)
    assert isinstance(one.project("knight"), Malformed)
    assert one.document("swallow")


@pytest.mark.parametrize("fault", [500, 502, 503, 504, 429, "drop"])
def test_a_passing_fault_is_overcome_and_a_lasting_one_reported(
    face: Open, fault: int | str
) -> None:
    world = rich()
    world.faults.fail("/simple/knight/", fault, times=2)  # type: ignore[arg-type]
    one = face(world)
    assert one.document("knight").status == "archived"
    world.faults.fail("/simple/knight/", fault)  # type: ignore[arg-type]
    assert isinstance(one.project("knight"), Unreachable)


# --- files ------------------------------------------------------------------------------------
