"""Wheels whose METADATA is hard to find, or cannot be read."""

import zipfile
from pathlib import Path

from tests.recipe.mirrors import Bench
from tests.recipe.test_bad_files import odd_wheel, unreadable
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World


def test_unreadable_wheels_are_a_state_with_a_reason(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    """Without .metadata, members that are too large or packed otherwise: never "no needs"."""
    world.publish("lib", "1.0")
    large = b"Metadata-Version: 2.1\nName: large\nVersion: 1.0\nRequires-Dist: lib\n\n"
    wheels = {
        "large": odd_wheel("large", large + b"x" * 2**20 * 11, method=zipfile.ZIP_DEFLATED),
        "bzip2": odd_wheel("bzip2", large, method=zipfile.ZIP_BZIP2),
        "lzma": odd_wheel("lzma", large, method=zipfile.ZIP_LZMA),
    }
    for name, built in wheels.items():
        filename = f"{name}-1.0-py3-none-any.whl"
        world.add_file(name, "1.0", filename, built.content, requires=["lib"])
    bench = Bench(tmp_path, memory, {name: ["latest"] for name in wheels})
    assert bench.sync().failed.keys() == {f"{name}==1.0" for name in wheels}
    assert {name for name, _, _ in unreadable(bench)} == {*wheels}


def test_the_folder_of_a_local_version_may_be_spelt_without_it(
    tmp_path: Path, world: World, memory: MemoryUpstream
) -> None:
    world.publish("dep", "1.0")
    metadata = b"Metadata-Version: 2.1\nName: t\nVersion: 2.0+r\nRequires-Dist: dep\n"
    content = odd_wheel("t", metadata, folder="t-2.0").content
    world.add_file("t", "2.0+r", "t-2.0+r-py3-none-any.whl", content)
    bench = Bench(tmp_path, memory, {"t": ["latest"]})
    assert bench.sync().exit_code == 0
    assert bench.listed() == {"t": {"2.0+r"}, "dep": {"1.0"}}
