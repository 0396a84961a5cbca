"""What one asks of a stream in a process of its own, without a cycle around it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pypisync.core.standards.model import ManyFiles, ProjectDocument
from pypisync.cycle.deposit import Watched
from pypisync.cycle.far_stream import FarStream
from pypisync.cycle.mirror import Silent
from pypisync.errors import Stopped, Unreachable
from pypisync.storage.pool import Pool
from pypisync.upstream.api import Answer, Ask, FileAsk, ProjectAsk
from pypisync.upstream.learnt import News
from pypisync.upstream.twins import recipe
from tests.daemon.process import until
from tests.recipe.conftest import Open
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def far(tmp_path: Path, server: Server, opened: Open) -> Iterator[FarStream]:
    """A stream of one worker that is not tried again."""
    upstream = opened(server, workers=1, retries=0)
    known = recipe(upstream)
    assert known is not None
    stream = FarStream(upstream, known, Watched(Pool(tmp_path), int), Silent())
    yield stream
    stream.close()


def answers(stream: FarStream, number: int) -> dict[Ask, Answer]:
    found: dict[Ask, Answer] = {}
    while len(found) < number:
        found.update(stream.answers(number - len(found)))
    return found


def test_what_is_learnt_of_an_index_is_known_on_both_sides(
    world: World, server: Server, far: FarStream
) -> None:
    ask = ProjectAsk("a")
    world.publish("a", "1.0")
    world.faults.retry_after = 200
    world.faults.fail("/simple/a/", 429)
    far.add([ask])
    assert isinstance(answers(far, 1)[ask], Unreachable)
    [index] = far._indexes.values()
    [told] = index.news()
    assert (told.origin, told.best) == (server.url, None)
    assert told.gate is not None
    assert 100 < told.gate.opens - time.monotonic() < 201
    world.heal()
    index._session.gates.note(server.url, 200, {})  # as if it had answered here
    far.add([ask])
    assert isinstance(answers(far, 1)[ask], ProjectDocument)
    assert index.news() == [News("endpoint", best="json")]


def test_whom_the_process_waits_for_is_told_here(
    tmp_path: Path, world: World, server: Server, opened: Open
) -> None:
    told: list[tuple[str, str, float]] = []

    class Watching(Silent):
        def retry(self, what: str, reason: str, seconds: float) -> None:
            told.append((what, reason, seconds))

    upstream = opened(server, lambda: bool(told), workers=1)
    known = recipe(upstream)
    assert known is not None
    stream = FarStream(upstream, known, Watched(Pool(tmp_path), int), Watching())
    world.faults.retry_after = 200
    world.faults.fail("/simple/a/", 429)
    stream.add([ProjectAsk("a")])
    assert isinstance(answers(stream, 1)[ProjectAsk("a")], Stopped)
    stream.close()
    assert told == [(server.url, "HTTP 429", 200.0)]


@pytest.mark.parametrize("dies", [False, True])
def test_files_that_nobody_waits_for_can_be_forgotten(
    world: World, server: Server, far: FarStream, children: list[Any], dies: bool
) -> None:
    world.faults.fail("/simple/a/", "hang", times=1)
    waits = ProjectAsk("a")
    far.add([waits])
    until(lambda: any(one.path == "/simple/a/" for one in server.log.entries), "the request")
    files = [FileAsk(f"{server.url}/{n}", f"packages/{n}/x.whl", "", n) for n in range(1, 4)]
    far.add(files)
    if dies:
        world.publish("a", "1.0")
        children[0].kill()
    gone = far.forget()
    if not dies:
        assert sorted(gone, key=str) == files
        return
    found = answers(far, 4 - len(gone))
    assert isinstance(found[waits], ProjectDocument)
    assert found.keys() | set(gone) == {waits, *files}


def test_a_document_that_would_fill_the_memory_is_read_here(
    world: World, server: Server, far: FarStream
) -> None:
    world.publish("a", "1.0")
    page = {
        "meta": {"api-version": "1.1"},
        "name": "a",
        "files": [
            {"filename": f"a-{n}.tar.gz", "url": f"{n}", "hashes": {"sha256": "0" * 64}}
            for n in range(60_000)
        ],
    }
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    world.faults.body("/simple/a/", json.dumps(page).encode(), headers=kind)
    far.add([ProjectAsk("a")])
    found = answers(far, 1)[ProjectAsk("a")]
    assert isinstance(found, ProjectDocument)
    assert isinstance(found.files, ManyFiles)
    assert len(found.files) == 60_000
