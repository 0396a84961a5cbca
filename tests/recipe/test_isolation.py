"""Whatever a project's document does, it ends nothing but that project, and heals by itself."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pypisync.core.standards import metadata, requirements
from pypisync.core.standards.model import File, ProjectDocument
from pypisync.upstream.api import AskFor, Deposit
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

NAMES = ("bad", "good", "other")


class Spoiling(MemoryUpstream):
    """An upstream whose documents of "bad" are changed by the test."""

    def __init__(self, world: World, spoil: Callable[[ProjectDocument], ProjectDocument]) -> None:
        super().__init__(world)
        self.spoil: Callable[[ProjectDocument], ProjectDocument] | None = spoil

    def answer(self, deposit: Deposit, ask: AskFor[Any]) -> Any:
        answer = super().answer(deposit, ask)
        if self.spoil and isinstance(answer, ProjectDocument) and self.spoils(answer):
            return self.spoil(answer)
        return answer

    def spoils(self, document: ProjectDocument) -> bool:
        return document.name == "bad"


def each_file(**changes: object) -> Callable[[ProjectDocument], ProjectDocument]:
    def change(document: ProjectDocument) -> ProjectDocument:
        files = tuple(replace(file, **changes) for file in document.files)
        return replace(document, files=files)

    return change


class Hostile(str):
    """A text that no parser gets over."""

    __slots__ = ()

    def __len__(self) -> int:
        raise RecursionError("maximum recursion depth exceeded")


SPOILT: Mapping[str, Callable[[ProjectDocument], ProjectDocument]] = {
    "half a character": each_file(yanked="\ud800"),
    "a size beyond all numbers": each_file(size=10**30),
    "an exception that nobody foresaw": each_file(filename=Hostile("bad-1.0-py3-none-any.whl")),
    "a name that is not one": lambda document: replace(document, display=None),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("before", ["mirrored", "new"])
def test_a_document_that_cannot_be_recorded(
    how: str, before: str, tmp_path: Path, world: World
) -> None:
    upstream = Spoiling(world, SPOILT[how])
    bench = Bench(tmp_path, upstream, {name: ["latest"] for name in NAMES})
    old = {}
    if before == "mirrored":
        upstream.spoil = None
        for name in NAMES:
            world.publish(name, "1.0")
        assert bench.sync().exit_code == 0
        upstream.spoil = SPOILT[how]
        old = {"bad": {"1.0"}}
    for name in NAMES:
        world.publish(name, "2.0")
    for attempt in (1, 2):
        report = bench.sync()
        assert list(report.failed) == ["bad"]
        assert bench.listed() == {"good": {"2.0"}, "other": {"2.0"}} | old
        [(project, attempts, reason)] = bench.query(
            "SELECT project, attempts, reason FROM v_pending"
        )
        assert (project, attempts, reason) == ("bad", attempt, report.failed["bad"])
    upstream.spoil = None
    assert bench.sync().exit_code == 0
    assert bench.listed() == {name: {"2.0"} for name in NAMES}


def test_requirements_that_cannot_be_worked_on(
    tmp_path: Path, memory: MemoryUpstream, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("bad", "1.0", requires=["boom"])
    world.publish("boom", "1.0")
    world.publish("good", "1.0", requires=["other"])
    world.publish("other", "1.0")
    bench = Bench(tmp_path, memory, {"bad": ["latest"], "good": ["latest"]})
    parse = requirements.parse_metadata

    def breaks(text: str) -> Any:
        if text.startswith("boom"):
            raise RecursionError("maximum recursion depth exceeded")
        return parse(text)

    with monkeypatch.context() as patch:
        patch.setattr(requirements, "parse_metadata", breaks)
        report = bench.sync()
    assert list(report.failed) == ["bad==1.0"]
    assert "RecursionError" in report.failed["bad==1.0"]
    assert bench.listed() == {"good": {"1.0"}, "other": {"1.0"}}
    assert bench.sync().exit_code == 0
    assert set(bench.listed()) == {"bad", "boom", "good", "other"}


def test_metadata_that_cannot_be_worked_on(
    tmp_path: Path, memory: MemoryUpstream, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("bad", "1.0")
    world.publish("good", "1.0")
    bench = Bench(tmp_path, memory, {"bad": ["latest"], "good": ["latest"]})

    def breaks(data: bytes, **_: object) -> Any:
        if b"Name: bad" in data:
            raise RecursionError("maximum recursion depth exceeded")
        return read(data)

    read = metadata.read_metadata
    with monkeypatch.context() as patch:
        patch.setattr("pypisync.cycle.read_requirements.read_metadata", breaks)
        report = bench.sync()
    assert list(report.failed) == ["bad==1.0"]
    assert bench.listed() == {"good": {"1.0"}}
    assert bench.sync().exit_code == 0
    assert set(bench.listed()) == {"bad", "good"}


def test_two_projects_that_list_a_file_of_one_name(tmp_path: Path, world: World) -> None:
    """ "a-1-2.tar.gz" is version 1.post2 of "a" and version 2 of "a-1"."""
    shared = File("a-1-2.tar.gz", "https://x.test/a-1-2.tar.gz", "0" * 64, 10)

    def share(document: ProjectDocument) -> ProjectDocument:
        return replace(document, files=(*document.files, shared))

    upstream = Sharing(world, share)
    for name in ("a", "a-1"):
        world.publish(name, "1.0")
    bench = Bench(tmp_path, upstream, {"a": ["==1.0"], "a-1": ["==1.0"]})
    assert bench.sync().failed == {}
    assert bench.listed() == {"a": {"1.0"}, "a-1": {"1.0"}}
    rows = bench.query("SELECT project, version FROM v_files WHERE filename = 'a-1-2.tar.gz'")
    assert sorted(rows) == [("a", "1.post2"), ("a-1", "2")]
    world.publish("a", "2.0")
    assert bench.sync().failed == {}


class Sharing(Spoiling):
    """An upstream that changes every document."""

    def spoils(self, document: ProjectDocument) -> bool:
        return True
