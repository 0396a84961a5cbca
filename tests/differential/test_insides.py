"""Who stops at which wheel, held against real pip and real uv."""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.differential.cases import root
from tests.differential.clients import Clients
from tests.differential.compare import CLIENTS
from tests.sim import dists
from tests.sim.inside_stops import stopped
from tests.sim.inside_words import INSIDES
from tests.sim.insides import plain
from tests.sim.server import Server
from tests.sim.world import World

DRAWN = 24
_WORKERS = 2


@pytest.mark.long
def test_who_stops_at_which_wheel(tmp_path: Path) -> None:
    """Some of them, drawn; an older release is there, which nobody takes instead."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    words = random.Random(seed).sample(sorted(INSIDES), DRAWN)
    assert {
        word: who for word, who in who_stops(words, tmp_path).items() if who != stopped(word)
    } == {}


def who_stops(words: list[str], folder: Path) -> dict[str, set[str]]:
    """Install each wheel with each client. Returns who could not."""
    world = World()
    for number, word in enumerate(words):
        name = f"p{number}"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\nSummary: s\n".encode()
        made = INSIDES[word](plain(name, "2.0", metadata)).bytes()
        world.add_file(name, "2.0", f"{name}-2.0-py3-none-any.whl", dists.built(made, metadata))
        world.publish(name, "1.0")
    world.publish("idle", "1.0")
    found: dict[str, set[str]] = {word: set() for word in words}
    with Server(world) as server, ThreadPoolExecutor(_WORKERS) as pool:

        def play(start: int) -> None:
            with Clients(folder) as clients:
                for number in range(start, len(words), _WORKERS):
                    for client in CLIENTS:
                        outcome = clients.install(
                            client, f"{server.url}/simple/", root(f"p{number}")
                        )
                        assert outcome.pins in (None, {f"p{number}": "2"}), outcome
                        if outcome.pins is None:
                            found[words[number]].add(client)

        list(pool.map(play, range(_WORKERS)))
    return found
