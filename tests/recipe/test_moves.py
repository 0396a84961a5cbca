"""A project that moves to another index, which lacks versions of it that are mirrored."""

from pathlib import Path

from pypisync.core.standards.model import ENDPOINT
from pypisync.core.wanted.assignment import Share
from pypisync.cycle import rollback
from tests.recipe.test_indexes import COMPANY, PUBLIC, Site

NAMES = tuple(f"p{number}" for number in range(6))


def public_site(tmp_path: Path) -> Site:
    """Six projects of the endpoint; the company's index has an older version of each."""
    site = Site(tmp_path, *NAMES)
    for name in NAMES:
        site.worlds[ENDPOINT].publish(name, "5.0")
        site.worlds["own"].publish(name, "1.0")
    site.configure(PUBLIC)
    assert site.bench.sync().failed == {}
    return site


def versions(site: Site) -> list[str]:
    return ["".join(some) for _, some in sorted(site.bench.listed().items())]


def test_the_operators_own_change_takes_effect_at_once(tmp_path: Path) -> None:
    site = public_site(tmp_path)
    site.configure(Share("own", NAMES[:2]), PUBLIC)
    assert site.bench.sync().failed == {}
    assert versions(site) == ["1.0", "1.0", "5.0", "5.0", "5.0", "5.0"]


def test_a_private_index_that_is_broken_opens_no_door(tmp_path: Path) -> None:
    """All of a small index is denied: that is little of the whole mirror, and strangers wait."""
    many = tuple(f"q{number}" for number in range(60))
    site = Site(tmp_path, *NAMES, *many)
    own, public = site.worlds["own"], site.worlds[ENDPOINT]
    own.faults.xmlrpc = own.faults.json_api = False
    own.faults.body("/simple/", b"<html>")
    for name in NAMES:
        own.publish(name, "1.2")
        public.publish(name, "1.2")
        public.publish(name, "99")
    for name in many:
        public.publish(name, "1.0")
    site.configure(Share("own"), PUBLIC)
    assert site.bench.sync().failed == {}
    own.faults.fail("/simple/p*", 404)
    for _ in range(4):
        report = site.bench.sync()
        assert versions(site)[: len(NAMES)] == ["1.2"] * 6
    assert "6 of the 6 projects mirrored from the index own" in report.failed["p0"]
    own.heal()
    own.faults.xmlrpc = own.faults.json_api = False
    own.faults.body("/simple/", b"<html>")
    assert site.bench.sync().failed == {}


def test_it_does_so_after_a_failure_too(tmp_path: Path) -> None:
    site = public_site(tmp_path)
    site.configure(Share("own", NAMES[:1]), PUBLIC)
    site.worlds["own"].faults.fail("/simple/p0/", 503, times=1)
    assert site.bench.sync().failed.keys() == {"p0"}
    assert site.bench.sync().failed == {}
    assert versions(site)[0] == "1.0"


def test_but_not_if_much_of_the_mirror_loses_versions(tmp_path: Path) -> None:
    site = public_site(tmp_path)
    site.worlds["own"].publish("p4", "5.0")  # loses nothing
    site.configure(Share("own", NAMES[:5]), PUBLIC)
    for _ in range(3):
        report = site.bench.sync()
        assert report.failed.keys() == set(NAMES[:4])
        assert "5.0" in report.failed["p0"]
        assert "4 of the 6 projects" in report.failed["p0"] or "5 of the 6" in report.failed["p0"]
        assert "--accept-removals" in report.failed["p0"]
        assert versions(site) == ["5.0"] * 6
    assert site.indexes()["p4"] == "own"
    rollback.accept_removals().give(site.bench.folder)
    assert site.bench.sync().failed == {}
    assert versions(site) == ["1.0"] * 4 + ["5.0"] * 2


def test_an_index_before_must_say_twice_that_it_has_a_project_without_versions(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, "a", "b")
    site.worlds[ENDPOINT].publish("a", "5.0")
    site.worlds[ENDPOINT].publish("b", "1.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    site.worlds["company"].publish("a", "1.0")
    site.worlds["company"].publish("b", "1.0")
    report = site.bench.sync()
    assert report.failed.keys() == {"a"}
    assert "company has it now, without 5.0, which is mirrored" in report.failed["a"]
    assert site.bench.listed() == {"a": {"5.0"}, "b": {"1.0"}}
    assert site.indexes() == {"a": ENDPOINT, "b": "company"}
    assert site.bench.sync().failed == {}  # an hour later
    assert site.bench.listed() == {"a": {"1.0"}, "b": {"1.0"}}


def test_a_glitch_of_an_index_before_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, "a", "b")
    for name in ("a", "b"):
        site.worlds[ENDPOINT].publish(name, "5.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    site.worlds["company"].publish("a", "1.0")
    site.bench.sync()
    site.worlds["company"].remove_project("a")
    assert site.bench.sync().failed == {}
    assert site.bench.listed() == {"a": {"5.0"}, "b": {"5.0"}}


def test_a_project_lost_by_its_index_goes_to_the_next_without_a_gap(tmp_path: Path) -> None:
    site = Site(tmp_path, "a", "b", "c")
    for name in ("a", "b", "c"):
        site.worlds["company"].publish(name, "1.0")
        site.worlds[ENDPOINT].publish(name, "5.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    assert site.bench.listed()["a"] == {"1.0"}
    site.worlds["company"].remove_project("a")
    site.worlds[ENDPOINT].faults.fail("/simple/a/", 503, times=1)
    site.worlds[ENDPOINT].faults.fail("/pypi/a/json", 503, times=1)
    assert site.bench.sync().failed.keys() == {"a"}
    assert site.bench.listed()["a"] == {"1.0"}  # the next index is down
    site.worlds[ENDPOINT].heal()
    assert site.bench.sync().failed == {}
    assert site.bench.listed()["a"] == {"5.0"}
    site.worlds["company"].faults.fail("/*/b/*", 404)  # which no journal explains
    site.worlds["company"].publish("b", "1.1")
    assert site.bench.sync().failed.keys() == {"b"}
    assert site.bench.listed()["b"] == {"1.0"}
    site.bench.sync()
    assert site.bench.listed()["b"] == {"5.0"}
