"""Scenarios from data files, each a shape seen in the wild, played through whole syncs."""

from pathlib import Path

import pytest

from tests.recipe.scenes import Scene, differences, load, steps

SCENARIOS = load()


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, memory_path: Path) -> None:
    scene = Scene(memory_path)
    for number, step in enumerate(steps(SCENARIOS[name])):
        report = scene.play(step)
        assert (number, differences(step, scene.outcome(report))) == (number, {})
    again = scene.play({})
    assert again.generation == 0
    assert differences(step, scene.outcome(again)) == {}


def test_there_are_many() -> None:
    assert len(SCENARIOS) >= 60
