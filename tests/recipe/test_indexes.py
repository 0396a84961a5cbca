"""Whole cycles over several indexes: who is asked for what, and what moves when they change."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.facts.record import record_documents, rederive
from pypisync.catalog.queries import projects, why_not
from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.standards.model import ENDPOINT, File, ProjectDocument
from pypisync.core.wanted.assignment import RESERVED, Assignment, Share
from pypisync.core.wanted.groups import Locked
from pypisync.cycle.maintenance import sweep
from pypisync.upstream.folder import FolderUpstream
from pypisync.upstream.indexes import Indexes
from pypisync.wiring_upstream import described
from tests.recipe.grouped import lock
from tests.recipe.mirrors import Bench
from tests.sim import dists
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

OWN = Share("own", ("acme-*",))
COMPANY = Share("company")
PUBLIC = Share(ENDPOINT)


class Site:
    """Worlds as indexes, and a mirror of them."""

    def __init__(self, folder: Path, *packages: str, patterns: Iterable[str] = ()) -> None:
        self.worlds = {name: World() for name in ("own", "company", ENDPOINT)}
        self._upstreams = {
            name: MemoryUpstream(world, name=name, base=f"http://{name}.test")
            for name, world in self.worlds.items()
        }
        self.bench = Bench(
            folder,
            self._upstreams[ENDPOINT],
            {name: ["latest"] for name in packages},
            {regex: ["latest"] for regex in patterns},
        )

    def configure(
        self, *shares: Share, reserved: Iterable[str] = (), union: Iterable[str] = ()
    ) -> None:
        chosen = [self._upstreams[share.name] for share in shares]
        self.bench.upstream = Indexes(chosen, Assignment(shares, reserved, union))

    def asked(self, index: str) -> list[str]:
        """The paths that an index was asked for, but for what concerns no project."""
        paths = [entry.path for entry in self._upstreams[index].log.entries]
        return [path for path in paths if path not in ("/pypi", "/simple/")]

    def indexes(self) -> dict[str, str]:
        rows = self.bench.query("SELECT name, index_name FROM projects")
        return dict(rows)


def test_dependency_confusion_fails(tmp_path: Path) -> None:
    """By a root, a requirement, a pattern or the changelog: no private name reaches the public."""
    site = Site(tmp_path, "app", patterns=["acme-.*"])
    own, public = site.worlds["own"], site.worlds[ENDPOINT]
    own.publish("acme-core", "1.2", requires=["requests"])
    own.publish("acme-tools", "1.0")
    public.publish("requests", "2.0", requires=["acme-missing; extra == 'x'"])
    public.publish("app", "1.0", requires=["acme-core", "acme-missing", "requests[x]"])
    for name in ("acme-core", "acme-missing", "acme-attack", "acme-tools"):
        public.publish(name, "99")
    site.configure(OWN, PUBLIC, reserved=["acme-*"])
    site.bench.sync()
    public.publish("acme-core", "100")
    public.publish("acme-later", "1")
    own.publish("acme-more", "1.0")
    report = site.bench.sync()
    assert report.failed == {}
    listed = site.bench.listed()
    assert listed["acme-core"] == {"1.2"}
    assert {name for name in listed if name.startswith("acme")} == {
        "acme-core", "acme-tools", "acme-more",
    }  # fmt: skip
    assert [path for path in site.asked(ENDPOINT) if "acme" in path] == []
    assert [path for path in site.asked("own") if "acme" not in path] == []
    assert ("app", "1.0", "acme-missing") in site.bench.unmet()


def test_who_was_not_asked_is_not_said_to_have_nothing(tmp_path: Path) -> None:
    """A reserved name is gone by the configuration, and by upstream only once that was asked."""
    site = Site(tmp_path, "app", "acme-root")
    site.worlds[ENDPOINT].publish("app", "1.0", requires=["acme-missing", "nothing"])
    site.bench.groups = [lock(Locked("acme-pinned", "1.0"))]
    unmet = "SELECT requirement, reason FROM v_unmet ORDER BY requirement"
    nobody = "upstream has no such project"
    for reserved, why in ((["acme-*"], RESERVED), ([], nobody)):
        site.configure(Share("own", ("acme-core",)), PUBLIC, reserved=reserved)
        assert site.bench.sync().failed == {
            'root acme-root "latest"': why,
            "acme-pinned==1.0": f"uv.lock names it, and {why}",
        }
        assert site.bench.query(unmet) == [("acme-missing", why), ("nothing", nobody)]
        with Reader(site.bench.database) as reader:
            assert why_not.missing(reader, "acme-root", None) == why
            for name, said in (("acme-missing", why), ("nothing", nobody)):
                ((_, text),) = why_not.absence(reader, name, None, FilePolicy()).findings
                assert text == f"{said}; it is required by app 1.0"
                shown = projects.project(reader, name)
                assert shown is not None
                assert (shown.status, shown.status_reason) == ("gone", said)


def test_a_change_counts_only_from_the_index_that_has_the_project(tmp_path: Path) -> None:
    site = Site(tmp_path, "a")
    site.worlds["company"].publish("a", "1.0")
    site.worlds[ENDPOINT].publish("a", "5.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    site.worlds[ENDPOINT].publish("a", "6.0")
    before = len(site.asked("company"))
    site.bench.sync()
    assert site.asked(ENDPOINT) == []
    assert len(site.asked("company")) == before
    site.worlds["company"].publish("a", "1.1")
    site.bench.sync()
    assert site.bench.listed() == {"a": {"1.1"}}


def test_an_index_before_that_gets_a_project_takes_it(tmp_path: Path) -> None:
    site = Site(tmp_path, "a")
    site.worlds[ENDPOINT].publish("a", "5.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    assert site.indexes() == {"a": ENDPOINT}
    site.worlds["company"].publish("a", "1.0")
    site.bench.sync()
    site.bench.sync()  # it says so twice, for 5.0 goes by it
    assert site.indexes() == {"a": "company"}
    assert site.bench.listed() == {"a": {"1.0"}}
    assert site.bench.query("SELECT DISTINCT index_name FROM files") == [("company",)]


def test_an_index_that_is_down_stops_neither_the_others_nor_its_own_pages(tmp_path: Path) -> None:
    site = Site(tmp_path, "a", "b")
    site.worlds["company"].publish("a", "1.0")
    site.worlds[ENDPOINT].publish("a", "99")
    site.worlds[ENDPOINT].publish("b", "1.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    site.worlds["company"].faults.fail("*", 503)
    site.worlds[ENDPOINT].publish("b", "2.0")
    report = site.bench.sync()
    assert list(report.failed) == ["index company"]
    assert site.bench.listed() == {"a": {"1.0"}, "b": {"2.0"}}
    assert [path for path in site.asked(ENDPOINT) if "/a/" in path] == []


def test_a_project_moves_when_the_configuration_says_so(tmp_path: Path) -> None:
    """What is published stays while its new index is down."""
    site = Site(tmp_path, "acme-core", "b")
    site.worlds[ENDPOINT].publish("acme-core", "99")
    site.worlds[ENDPOINT].publish("b", "1.0")
    site.worlds["own"].publish("acme-core", "1.2")
    site.bench.sync()
    assert site.bench.listed() == {"acme-core": {"99"}, "b": {"1.0"}}
    site.configure(OWN, PUBLIC, reserved=["acme-*"])
    site.worlds["own"].faults.fail("/simple/acme-core/", 503, times=1)
    report = site.bench.sync()
    assert list(report.failed) == ["acme-core"]
    assert site.bench.listed()["acme-core"] == {"99"}
    site.bench.sync()
    assert site.bench.listed() == {"acme-core": {"1.2"}, "b": {"1.0"}}
    site.configure(PUBLIC)
    site.bench.sync()
    assert site.bench.listed()["acme-core"] == {"99"}


def test_the_next_index_is_asked_once_a_project_is_gone_from_its_own(tmp_path: Path) -> None:
    site = Site(tmp_path, "a")
    site.worlds["company"].publish("a", "1.0")
    site.worlds[ENDPOINT].publish("a", "5.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    site.worlds["company"].remove_project("a")
    site.bench.sync()
    assert site.indexes() == {"a": ENDPOINT}
    assert site.bench.listed() == {"a": {"5.0"}}


def test_other_bytes_under_the_same_name_are_told_and_never_mixed(tmp_path: Path) -> None:
    """The page lists what came from the one index until what the other one has is stored."""
    site = Site(tmp_path, "a")
    site.worlds[ENDPOINT].publish("a", "1.0")
    site.worlds["company"].publish("a", "1.0", requires=["b"])  # hence other bytes
    site.worlds[ENDPOINT].publish("b", "1.0")
    site.bench.sync()
    [(before,)] = site.bench.query("SELECT sha256 FROM v_listed WHERE project = 'a'")
    site.configure(COMPANY, PUBLIC)
    site.worlds["company"].faults.fail("*/a-1.0-py3-none-any.whl", 503, times=2)
    report = site.bench.sync()
    assert list(report.held) == ["a==1.0"]
    site.bench.listed()  # every file listed has the hash that is stated
    assert site.bench.query("SELECT sha256 FROM v_listed WHERE project = 'a'") == [(before,)]
    [(what, reason)] = site.bench.query("SELECT what, reason FROM v_skipped")
    assert what == "a-1.0-py3-none-any.whl"
    assert "company has other bytes under this name than endpoint" in reason
    site.bench.sync()
    assert site.bench.listed() == {"a": {"1.0"}, "b": {"1.0"}}
    listed = "SELECT DISTINCT f.index_name FROM v_listed l JOIN v_files f ON f.sha256 = l.sha256"
    assert site.bench.query(f"{listed} WHERE l.project = 'a'") == [("company",)]


def test_patterns_see_the_names_of_an_index_that_is_new(tmp_path: Path) -> None:
    site = Site(tmp_path, patterns=["acme-.*"])
    site.worlds[ENDPOINT].publish("acme-public", "1.0")
    site.worlds["own"].publish("acme-core", "1.2")
    site.bench.sync()
    assert site.bench.listed() == {"acme-public": {"1.0"}}
    site.configure(Share("own", ("acme-core",)), PUBLIC, reserved=["acme-*"])
    site.bench.sync()
    assert site.bench.listed() == {"acme-core": {"1.2"}}
    assert [path for path in site.asked(ENDPOINT) if "acme-core" in path] == []


def test_a_sweep_finds_what_an_index_before_has_by_now(tmp_path: Path) -> None:
    site = Site(tmp_path, "a")
    site.worlds[ENDPOINT].publish("a", "5.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    site.worlds["company"].publish("a", "1.0")
    site.worlds["company"].journal.clear()  # it does not tell
    catalog = site.bench.catalog()
    for _ in range(2):
        sweep(site.bench.mirror(catalog))
    site.bench.sync()
    site.bench.sync()  # it says so twice, for 5.0 goes by it
    assert site.bench.listed() == {"a": {"1.0"}}


def lists_asked(site: Site, index: str) -> int:
    entries = site._upstreams[index].log.entries
    return sum(entry.call == "list_packages_with_serial" for entry in entries)


def test_each_index_is_compared_once_a_week_whatever_the_others_do(tmp_path: Path) -> None:
    site = Site(tmp_path, "a", "b")
    company, public = site.worlds["company"], site.worlds[ENDPOINT]
    company.publish("a", "1.0")
    public.publish("b", "1.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    for world, name in ((company, "a"), (public, "b")):
        world.publish(name, "2.0")
        world.journal.clear()  # it does not tell
        world._serials.clear()
    site.bench.clock += 7 * 86400
    company.faults.fail("*", 503)
    site.bench.sync()
    assert site.bench.listed() == {"a": {"1.0"}, "b": {"2.0"}}
    company.heal()
    asked = lists_asked(site, ENDPOINT)
    site.bench.sync()
    assert site.bench.listed() == {"a": {"2.0"}, "b": {"2.0"}}
    assert lists_asked(site, ENDPOINT) == asked
    asked = lists_asked(site, "company")
    site.bench.sync()
    assert lists_asked(site, "company") == asked


def test_an_index_that_begins_anew_puts_off_no_other(tmp_path: Path) -> None:
    site = Site(tmp_path, "a", "b")
    company, public = site.worlds["company"], site.worlds[ENDPOINT]
    company.publish("a", "1.0")
    public.publish("b", "1.0")
    site.configure(COMPANY, PUBLIC)
    site.bench.sync()
    public.publish("b", "2.0")
    public.journal.clear()
    public._serials.clear()
    site.bench.clock += 6 * 86400
    company.serial -= 2  # it was restored
    company.journal.clear()
    company._serials.clear()
    site.bench.sync()
    site.bench.clock += 86400
    site.bench.sync()
    assert site.bench.listed() == {"a": {"1.0"}, "b": {"2.0"}}


def test_a_folder_is_read_in_every_cycle(tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    site = Site(tmp_path / "mirror", "acme-core")
    site.worlds[ENDPOINT].publish("b", "1.0")

    def put(version: str, *requires: str) -> None:
        dist = dists.dist("acme-core", version, requires, None, None, 0)
        wheel = folder / dists.wheel_filename(dist, "py3-none-any")
        wheel.write_bytes(dists.build_wheel(dist, "py3-none-any").content)

    put("1.0", "b")
    own = FolderUpstream("own", folder, described)
    public = MemoryUpstream(site.worlds[ENDPOINT])
    site.bench.upstream = Indexes([own, public], Assignment((OWN, PUBLIC), ["acme-*"]))
    site.bench.sync()
    assert site.bench.listed() == {"acme-core": {"1.0"}, "b": {"1.0"}}
    put("1.1", "b")
    site.bench.sync()
    assert site.bench.listed()["acme-core"] == {"1.1"}
    for path in folder.iterdir():
        path.unlink()
    put("2.0", "nothing")
    site.bench.sync()
    assert site.bench.listed()["acme-core"] == {"2.0"}
    folder.rename(tmp_path / "away")
    report = site.bench.sync()
    assert (
        list(report.failed) == ["index own"] or "acme-core" in report.failed or report.failed == {}
    )
    assert site.bench.listed()["acme-core"] == {"2.0"}


def test_a_folder_that_moved_is_read_anew(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    dist = dists.dist("acme-core", "1.0", (), None, None, 0)
    wheel = before / dists.wheel_filename(dist, "py3-none-any")
    wheel.write_bytes(dists.build_wheel(dist, "py3-none-any").content)
    site = Site(tmp_path / "mirror", "acme-core")
    public = MemoryUpstream(site.worlds[ENDPOINT])
    for folder in (before, after):
        own = FolderUpstream("own", folder, described)
        site.bench.upstream = Indexes([own, public], Assignment((OWN, PUBLIC), ["acme-*"]))
        site.bench.sync()
        assert site.bench.query("SELECT url FROM files") == [((folder / wheel.name).as_uri(),)]
        if folder == before:
            shutil.copytree(before, after)  # with its times


def test_other_bytes_at_the_same_path_get_a_path_of_their_own(tmp_path: Path) -> None:
    """A path is what the address of a file makes it, and an index may choose addresses freely."""
    bench = Site(tmp_path, "a").bench
    bench.sync()
    catalog = bench.catalog()
    rules = bench.mirror(catalog).rules
    paths = []
    filename = "a-1.0-py3-none-any.whl"
    address = f"packages/aa/bb/{'c' * 60}/{filename}"
    for index, digest in ((ENDPOINT, "1" * 64), ("company", "2" * 64), ("company", "2" * 64)):
        file = File(filename, f"http://{index}.test/{address}", digest, 1)
        with catalog.begin() as connection:
            record_documents(
                connection, [ProjectDocument("a", "a", 1, (file,), index=index)], rules, 1
            )
        paths += bench.query("SELECT path FROM files")
        with catalog.begin() as connection:
            rederive(connection, rules, 1)
        paths += bench.query("SELECT path FROM files")
    catalog.close()
    own = f"packages/22/22/{'2' * 60}/{filename}"
    assert paths == [(address,)] * 2 + [(own,)] * 4


def test_messages_say_which_index_a_project_is_from(tmp_path: Path) -> None:
    site = Site(tmp_path, "app", "public")
    site.bench.packages = {"app": ["latest"], "public": ["latest"], "acme-core": [">9"]}
    site.bench.packages |= {"late": ["latest"]}
    site.worlds["own"].publish("acme-core", "1.2")
    site.worlds["own"].publish("acme-later", "1.0", requires_python=">=3.12")
    site.worlds[ENDPOINT].publish("lib", "1.0")
    site.worlds[ENDPOINT].publish("app", "1.0", requires=["acme-core>=5"])
    site.worlds[ENDPOINT].publish("late", "1.0", requires=["acme-later"])
    site.worlds[ENDPOINT].publish("public", "1.0", requires=["lib>=5"])
    site.configure(OWN, PUBLIC, reserved=["acme-*"])
    failed = site.bench.sync().failed
    assert "; the project is from the index own" in failed['root acme-core ">9"']
    explained = dict(site.bench.query("SELECT subject, why FROM v_proofs"))
    assert "of acme-core on the index own there is only 1.2" in explained["app"]
    later = "no file of acme-later on the index own (1.0) can be used here: its wheels need Python"
    assert f"{later} >=3.12, the target has 3.11.13" in explained["late"]
    assert "of lib there is only 1.0" in explained["public"]
