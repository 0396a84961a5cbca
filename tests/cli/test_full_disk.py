"""A full disk below the database: what can be read is read, and the rest says what to do."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.running import configure, invoke
from tests.sim.server import Server
from tests.sim.world import World

READING = (["status"], ["why", "a"], ["generations"], ["query", "SELECT 1"], ["verify"])
WRITING = (["sync"], ["prune"], ["plan"])
ADVICE = "is full: free space on it, then run this again"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "other").open("ab", buffering=0) as other:
        while True:
            other.write(bytes(4096))


def test_what_can_be_read_is_read(disk: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    config = configure(disk, server.url, packages={"a": ["latest"]})
    assert invoke(config, "sync").code == 0
    before = {tuple(what): invoke(config, *what).out for what in READING[1:]}
    fill(disk)
    for what in READING:
        done = invoke(config, *what)
        assert (done.code, done.err) == (0, ""), what
        assert done.out == before.get(tuple(what), done.out)
    for what in WRITING:
        fill(disk)  # a try that failed may have given back what it took
        done = invoke(config, *what)
        assert done.code == 4, what
        assert ADVICE in done.err
    for what in READING:
        assert invoke(config, *what).code in {0, 1}, what  # a failed run is told by status
    (disk / "other").unlink()
    assert invoke(config, "sync").code == 0
    assert invoke(config, "verify").out == "no faults\n"
