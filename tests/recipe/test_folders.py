"""A folder of wheels beside a public index: what is put into it, and what becomes of it."""

from pathlib import Path
from typing import Any

import pytest

from pypisync.core.standards.model import ENDPOINT
from pypisync.core.wanted.assignment import Assignment, Share
from pypisync.upstream.folder import FolderUpstream
from pypisync.upstream.indexes import Indexes
from pypisync.wiring_upstream import described
from tests.recipe.test_indexes import PUBLIC, Site
from tests.sim import dists
from tests.sim.memory import MemoryUpstream


def put(folder: Path, version: str, *requires: str) -> Path:
    dist = dists.dist("a", version, requires, None, None, 0)
    wheel = folder / dists.wheel_filename(dist, "py3-none-any")
    wheel.write_bytes(dists.build_wheel(dist, "py3-none-any").content)
    return wheel


class Beside:
    """A folder, and a public index that has "a" as well, and "b"."""

    def __init__(self, tmp_path: Path, shares: tuple[str, ...], union: list[str]) -> None:
        self.folder = tmp_path / "wheels"
        self.folder.mkdir()
        self.site = Site(tmp_path / "mirror", "b")
        self.site.bench.packages = {"a": [">=0"], "b": ["latest"]}
        self.site.worlds[ENDPOINT].publish("b", "1.0")
        self.site.worlds[ENDPOINT].publish("a", "99")
        self.site.worlds["company"].publish("other", "1.0")
        made: dict[str, Any] = {
            "own": FolderUpstream("own", self.folder, described),
            "company": self.site._upstreams["company"],
            ENDPOINT: MemoryUpstream(self.site.worlds[ENDPOINT]),
        }
        chosen = [made[name] for name in (*shares, ENDPOINT)]
        assigned = Assignment([*map(Share, shares), PUBLIC], union=union)
        self.site.bench.upstream = Indexes(chosen, assigned)

    def synced(self, times: int = 1) -> set[str]:
        """The versions of "a" that are listed after syncs an hour apart."""
        for _ in range(times):
            self.site.bench.sync()
        return self.site.bench.listed().get("a", set())


@pytest.mark.parametrize("union", [[], ["a"]])
def test_what_is_put_into_the_folder_is_found_though_another_index_had_it(
    union: list[str], tmp_path: Path
) -> None:
    beside = Beside(tmp_path, ("own",), union)
    assert beside.synced() == {"99"}
    put(beside.folder, "1.0")
    assert beside.synced(2) == ({"1.0", "99"} if union else {"1.0"})


def test_a_folder_that_comes_second_in_a_union_is_heard_as_well(tmp_path: Path) -> None:
    beside = Beside(tmp_path, ("company", "own"), ["a"])
    beside.site.worlds["company"].publish("a", "5.0")
    assert beside.synced() == {"5.0", "99"}
    put(beside.folder, "1.0")
    assert beside.synced() == {"1.0", "5.0", "99"}
    report = beside.site.bench.sync()
    assert (report.projects_read, report.generation) == (0, 0)
    put(beside.folder, "2.0").with_name("a-1.0-py3-none-any.whl").unlink()
    assert beside.synced() == {"2.0", "5.0", "99"}
    (beside.folder / "a-2.0-py3-none-any.whl").unlink()
    assert beside.synced() == {"2.0", "5.0", "99"}
    assert beside.synced() == {"5.0", "99"}


def test_a_file_that_is_replaced_in_place_is_published_anew(tmp_path: Path) -> None:
    beside = Beside(tmp_path, ("own",), [])
    put(beside.folder, "1.0")
    assert beside.synced() == {"1.0"}
    listed = "SELECT sha256 FROM v_listed WHERE project = 'a'"
    before = beside.site.bench.query(listed)
    put(beside.folder, "1.0", "b")
    assert beside.synced() == {"1.0"}
    assert beside.site.bench.query(listed) != before


def test_a_link_is_not_followed_but_shown(tmp_path: Path) -> None:
    beside = Beside(tmp_path, ("own",), [])
    away = tmp_path / "away"
    away.mkdir()
    wheel = put(away, "1.0")
    (beside.folder / wheel.name).symlink_to(wheel)
    assert beside.synced() == set()
    [(what, why)] = beside.site.bench.query("SELECT what, reason FROM v_skipped")
    assert (what, "link" in why) == (wheel.name, True)


@pytest.mark.parametrize("how", ["moved", "emptied"])
def test_a_folder_that_is_away_opens_no_door_to_the_public_project(
    how: str, tmp_path: Path
) -> None:
    """A mount that is away leaves an empty folder, and one project is all that it had."""
    beside = Beside(tmp_path, ("own",), [])
    wheel = put(beside.folder, "1.0")
    assert beside.synced() == {"1.0"}
    if how == "moved":
        beside.folder.rename(tmp_path / "away")
    else:
        wheel.rename(tmp_path / wheel.name)
    assert beside.synced(4) == {"1.0"}
    if how == "moved":
        (tmp_path / "away").rename(beside.folder)
    else:
        (tmp_path / wheel.name).rename(wheel)
    assert beside.site.bench.sync().failed == {}
    assert beside.synced() == {"1.0"}
