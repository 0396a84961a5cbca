"""Addresses that are signed anew on every page: each is the same file."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pypisync.core.standards.model import NO_VALIDATORS, ProjectDocument
from pypisync.errors import Unreachable
from pypisync.upstream.api import AskFor, Deposit, FileAsk, PartsAsk, ProjectAsk
from pypisync.upstream.validators import stamped
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


class Signed(MemoryUpstream):
    """An index without validators, whose links are good for one cycle."""

    signature = 0
    peeked = 0

    def answer(self, deposit: Deposit, ask: AskFor[Any]) -> Any:
        if isinstance(ask, ProjectAsk):
            answer = super().answer(deposit, replace(ask, validators=NO_VALIDATORS))
            return self._signed(answer) if isinstance(answer, ProjectDocument) else answer
        if isinstance(ask, PartsAsk):
            self.peeked += 1
            return super().answer(deposit, replace(ask, file=_plain(ask.file)))
        if isinstance(ask, FileAsk):
            if not ask.url.endswith(f"?sig={self.signature}"):
                raise Unreachable(f"{ask.path}: HTTP 403")
            return super().answer(deposit, _plain(ask))
        return super().answer(deposit, ask)

    def _signed(self, document: ProjectDocument) -> ProjectDocument:
        files = [replace(one, url=f"{one.url}?sig={self.signature}") for one in document.files]
        return stamped(replace(document, files=tuple(files)), {})


def _plain(ask: FileAsk) -> FileAsk:
    return replace(ask, url=ask.url.partition("?")[0])


def test_another_signature_is_not_another_file(tmp_path: Path, world: World) -> None:
    world.faults.xmlrpc = world.faults.json_api = False
    world.faults.body("/simple/", b"<html>")
    # heavy 2.0 conflicts, so that it must be known and is not mirrored.
    world.publish("app", "1.0", requires=["heavy", "lib<2"])
    world.publish("heavy", "1.0", requires=["lib"], metadata=False)
    world.publish("heavy", "2.0", requires=["lib>=2"], metadata=False, size_padding=2_000_000)
    world.publish("heavy", "3.0", requires=["lib>=2"], metadata=False)
    for version in ("1.0", "2.0"):
        world.publish("lib", version, hashes=())
    upstream = Signed(world)
    bench = Bench(tmp_path, upstream, {"app": ["latest"]})
    assert bench.sync().exit_code == 0
    before, peeked = tree_bytes(tmp_path, "simple", "packages"), upstream.peeked
    assert peeked > 0
    upstream.signature += 1
    report = bench.sync()
    assert (report.exit_code, report.generation, report.files, report.releases_read) == (0, 0, 0, 0)
    assert upstream.peeked == peeked
    assert tree_bytes(tmp_path, "simple", "packages") == before
    world.publish("lib", "1.1")
    upstream.signature += 1
    assert bench.sync().exit_code == 0
    assert "1.1" in bench.listed()["lib"]
