"""Downloads, asked of both faces of an upstream."""

import pytest
from msgspec.structs import replace

from pypisync.errors import Gone, Malformed, StorageError, Unreachable, UpstreamError
from pypisync.storage.archives import metadata_inside
from pypisync.upstream.api import FileAsk, PartsAsk
from pypisync.upstream.stream import answers
from tests.contract.faces import Face, Open
from tests.sim.asks import asked
from tests.sim.world import World
from tests.upstream.deposit import MemoryDeposit


def test_a_cut_download_is_resumed_by_the_next_try(face: Open) -> None:
    world = World()
    world.publish("a", "1.0", size_padding=300_000)
    one = face(world)
    deposit = MemoryDeposit()
    world.faults.fail("/packages/*", "truncate", times=1)
    one.fetch("a", deposit)
    error = one.fetch("a", deposit) if not deposit.files else None
    assert error is None
    assert [len(data) for data in deposit.files.values()] == [one.ask("a").size]


def test_a_server_without_ranges_starts_over(face: Open) -> None:
    world = World()
    world.publish("a", "1.0", size_padding=300_000)
    world.faults.no_range()
    one = face(world)
    ask = one.ask("a")
    deposit = MemoryDeposit()
    deposit.partial[ask.path] = b"x" * 1000
    assert one.fetch("a", deposit) is None
    assert len(deposit.files[ask.path]) == ask.size


def test_a_file_that_is_gone(face: Open) -> None:
    world = World()
    world.publish("a", "1.0")
    one = face(world)
    ask = one.ask("a")
    lost = FileAsk(ask.url.replace("a-1.0", "a-9.0"), "x", ask.sha256, ask.size)
    error = asked(one.upstream, lost, MemoryDeposit())
    assert isinstance(error, Gone)


def test_a_corrupt_file_is_malformed(face: Open) -> None:
    world = World()
    world.publish("a", "1.0")
    world.faults.corrupt("/packages/*")
    deposit = MemoryDeposit()
    assert isinstance(face(world).fetch("a", deposit), Malformed)
    assert deposit.files == {}


def peek(one: Face, ask: FileAsk) -> bytes | UpstreamError | None:
    return asked(one.upstream, PartsAsk(ask, metadata_inside))


def test_metadata_is_read_out_of_a_wheel(face: Open) -> None:
    world = World()
    world.publish("a", "1.0", requires=["b>=2"], metadata=False, size_padding=300_000)
    one = face(world)
    ask = replace(one.ask("a"), path="pool/a-1.0-py3-none-any.whl")
    for known in (ask, replace(ask, size=None)):
        found = peek(one, known)
        assert isinstance(found, bytes)
        assert b"Requires-Dist: b>=2" in found
    assert peek(one, replace(ask, size=5)) is None
    assert peek(one, replace(ask, url=ask.url.replace("a-1.0", "a-9.0"))) is None
    assert isinstance(peek(one, replace(ask, path="pool/other-1.0-py3-none-any.whl")), Malformed)
    world.faults.fail("/packages/*", 503)
    assert isinstance(peek(one, ask), Unreachable)
    world.heal()
    world.faults.corrupt("/packages/*")
    assert isinstance(peek(one, ask), Malformed)
    world.heal()
    world.faults.no_range()
    assert peek(one, ask) is None


def test_a_removed_file_may_still_be_served(face: Open) -> None:
    world = World()
    world.publish("a", "1.0")
    one = face(world)
    ask = one.ask("a")
    world.remove_project("a")
    assert asked(one.upstream, ask, MemoryDeposit()) is None


def test_one_broken_file_does_not_stop_the_others(face: Open) -> None:
    world = World()
    for n in range(20):
        world.publish(f"p{n}", "1.0")
    world.faults.fail("/packages/*/p7-*", 503)
    one = face(world)
    asks = [one.ask(f"p{n}") for n in range(20)]
    found = dict(answers(one.upstream, zip(asks, asks, strict=True), MemoryDeposit()))
    assert [ask for ask, error in found.items() if error is not None] == [asks[7]]
    assert isinstance(found[asks[7]], Unreachable)


def test_a_full_disk_raises(face: Open) -> None:
    world = World()
    world.publish("a", "1.0")
    one = face(world)
    deposit = MemoryDeposit()
    deposit.full.add(one.ask("a").path)
    with pytest.raises(StorageError):
        one.fetch("a", deposit)
