"""What was found by fuzzing stays mended, and every target still reads what it begins with."""

import random

import pytest

from tests.fuzz.targets import CORPUS, TARGETS, seeds

_SIZE = 200_000  # bytes of the whole corpus


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_corpus_holds(target: str) -> None:
    sound = seeds(target)
    assert sound
    for data in sound:
        TARGETS[target](data)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_cut_and_changed_inputs_hold(target: str) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for data in seeds(target):
        for _ in range(20):
            changed = bytearray(data[: draw.randint(0, len(data))])
            for _ in range(draw.randint(0, 3)):
                place = draw.randint(0, len(changed))
                changed[place : place + 1] = bytes([draw.randrange(256)])
            TARGETS[target](bytes(changed))


def test_the_corpus_is_small_and_belongs_to_targets() -> None:
    kept = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) < _SIZE
    assert {path.parent.name for path in kept} <= TARGETS.keys()
