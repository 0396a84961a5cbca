"""How much the step that fetches files says is still to come."""

from pathlib import Path

from pypisync.cycle.incoming import Incoming
from pypisync.upstream.api import FileAsk
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def test_files_that_came_ahead_are_not_still_to_come(tmp_path: Path) -> None:
    world = World()
    world.publish("a", "1.0")
    world.publish("a", "2.0", size_padding=5_000)
    bench = Bench(tmp_path, MemoryUpstream(world), {"a": [">=0"]})
    bench.sync()
    rows = bench.query("SELECT url, path, sha256, size FROM files ORDER BY filename")
    asks = [FileAsk(*row) for row in rows]
    for ask in asks:
        (tmp_path / ask.path).unlink()
    catalog = bench.catalog()
    try:
        with Incoming(bench.mirror(catalog)) as incoming:
            assert incoming.still_to_come(asks) == sum(ask.size or 0 for ask in asks)
            incoming.ask_files(asks[:1])
            while incoming.receive():
                pass
            assert incoming.still_to_come(asks) == asks[1].size
    finally:
        catalog.close()
