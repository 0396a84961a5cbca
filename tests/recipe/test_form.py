"""Pages that another version wrote, whose bytes were others."""

from pathlib import Path

from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def test_pages_of_another_form_are_written_anew(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """As after an upgrade of PypiSync, also where upstream tells nothing new."""
    bench = Bench(tmp_path, memory, {"a": ["latest"]})
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    bench.sync()
    good = tree_bytes(tmp_path)
    for path in tmp_path.glob("simple/**/index.*"):
        path.unlink()
        path.write_bytes(b"as it was")
    catalog = bench.catalog()
    with catalog.begin() as connection:
        connection.exec_driver_sql("DELETE FROM settings WHERE name = 'form of pages'")
    catalog.close()
    report = bench.sync()
    assert (report.pages, report.generation) == (18, 0)
    assert tree_bytes(tmp_path) == good
    assert bench.sync().pages == 0
