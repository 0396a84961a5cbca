"""A project whose files come from several indexes: each of them may change, or lose it."""

from pathlib import Path

import pytest

from pypisync.core.standards.model import ENDPOINT
from pypisync.upstream.api import FEEDS, FeedKind
from tests.recipe.test_indexes import COMPANY, PUBLIC, Site
from tests.sim.world import World

INDEXES = ["company", ENDPOINT]
BOTH = {"1.0", "2.0"}
REST = {"company": {"2.0"}, ENDPOINT: {"1.0"}}  # what is there without one of them


def limit(world: World, feed: FeedKind) -> None:
    world.faults.xmlrpc = feed == "changelog"
    if feed == "polling":
        world.faults.json_api = False
        world.faults.body("/simple/", b"<html>")


def united(tmp_path: Path, feeds: dict[str, FeedKind]) -> Site:
    """Two versions of "a", one on each index, and others, so that one project is not much."""
    site = Site(tmp_path, *(f"q{number}" for number in range(9)))
    site.bench.packages = {**site.bench.packages, "a": [">=0"]}
    for number in range(9):
        site.worlds[ENDPOINT].publish(f"q{number}", "1.0")
    site.worlds["company"].publish("a", "1.0")
    site.worlds[ENDPOINT].publish("a", "2.0")
    for index, feed in feeds.items():
        limit(site.worlds[index], feed)
    site.configure(COMPANY, PUBLIC, union=["a"])
    assert site.bench.sync().failed == {}
    assert site.bench.listed()["a"] == BOTH
    return site


@pytest.mark.parametrize("which", INDEXES)
@pytest.mark.parametrize("feed", ["changelog", "polling"])
def test_what_one_of_them_denies_is_gone_when_it_does_so_twice(
    which: str, feed: FeedKind, tmp_path: Path
) -> None:
    site = united(tmp_path, dict.fromkeys(INDEXES, feed))
    site.worlds[which].faults.fail("/*/a/*", 404)
    if feed == "changelog":
        site.worlds[which].publish("a", "3.0")  # without a word of a removal
    report = site.bench.sync()
    assert f"the index {which} shows no files of a any more" in report.failed["a"]
    assert site.bench.listed()["a"] == BOTH
    assert site.bench.sync().failed == {}  # an hour later
    assert site.bench.listed()["a"] == REST[which]


@pytest.mark.parametrize("which", INDEXES)
def test_a_glitch_of_one_of_them_changes_nothing(which: str, tmp_path: Path) -> None:
    site = united(tmp_path, dict.fromkeys(INDEXES, "polling"))
    site.worlds[which].faults.fail("/simple/a/", 404)
    assert site.bench.sync().failed.keys() == {"a"}
    site.worlds[which].heal()
    limit(site.worlds[which], "polling")
    site.worlds[which].publish("a", "3.0")
    assert site.bench.sync().failed == {}
    assert site.bench.listed()["a"] == {*BOTH, "3.0"}


def test_an_index_that_leaves_the_configuration_is_not_waited_for(tmp_path: Path) -> None:
    site = united(tmp_path, {})
    site.configure(PUBLIC, union=["a"])
    site.bench.sync()
    assert site.bench.listed()["a"] == {"2.0"}


@pytest.mark.parametrize("which", INDEXES)
@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("other", FEEDS)
def test_what_each_of_them_changes_is_seen_whatever_the_other_tells(
    which: str, feed: FeedKind, other: FeedKind, tmp_path: Path
) -> None:
    rest = next(index for index in INDEXES if index != which)
    site = united(tmp_path, {which: feed, rest: other})
    site.worlds[which].publish("a", "3.0")
    assert site.bench.sync().failed == {}
    assert site.bench.listed()["a"] == {*BOTH, "3.0"}
    site.worlds[which].remove_project("a")
    for _ in range(2):
        site.bench.sync()
    assert site.bench.listed()["a"] == REST[which]


def test_nothing_changed_nothing_is_recorded(tmp_path: Path) -> None:
    site = united(tmp_path, dict.fromkeys(INDEXES, "polling"))
    report = site.bench.sync()
    assert report.answers == {"project unchanged": 10}
    assert report.generation == 0
