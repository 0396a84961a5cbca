"""``generations``, ``diff``, ``rollback`` and ``tag``."""

import json
import subprocess
from pathlib import Path

import pytest

from pypisync.storage.lock import writer_lock
from tests.cli.running import command, configure, environ, invoke
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def config(tmp_path: Path, world: World, server: Server) -> Path:
    """A mirror with two generations."""
    world.publish("a", "1.0")
    world.publish("b", "1.0")
    packages = {"a": ["latest"], "b": ["latest"]}
    path = configure(tmp_path, server.url, packages=packages, retention="7 days")
    assert invoke(path, "sync").code == 0
    world.publish("a", "2.0", requires=["c"])
    world.publish("c", "1.0")
    world.yank("b", "1.0", reason="bad")
    world.publish("b", "2.0")
    configure(tmp_path, server.url, packages={**packages, "b": [">=1"]}, retention="7 days")
    assert invoke(path, "sync").code == 0
    return path


def versions(config: Path, name: str) -> set[str]:
    page = config.parent / "data" / "simple" / name / "index.v1_json"
    return set(json.loads(page.read_bytes())["versions"]) if page.exists() else set()


def test_generations_are_listed_with_what_they_hold(config: Path) -> None:
    newest, first = invoke(config, "generations", "--json").json
    assert (newest["number"], first["number"]) == (2, 1)
    assert newest["replaced"] is None
    assert first["replaced"] >= first["at"]
    assert first["serial"] < newest["serial"]
    assert (first["listed"]["projects"], first["listed"]["files"]) == (2, 2)
    assert newest["listed"]["releases"] == len(["a 2.0", "b 2.0", "c 1.0"])
    assert newest["differs"] == {"pages": 3, "came": 3, "went": 2, "changed": 0}
    lines = invoke(config, "generations").lines
    assert [line[0] for line in lines] == ["2", "1"]
    assert lines[0][-2:] == ["+3 -2 ~0 files, 3 pages", "the newest"]


def test_diff_says_what_came_went_and_changed(config: Path, world: World) -> None:
    world.yank("b", "2.0", reason="worse")
    world.publish("b", "3.0a1")
    invoke(config, "sync")
    found = invoke(config, "diff", "1", "2", "--json").json
    assert (found["from"], found["to"]) == (1, 2)
    assert found["projects"] == {"came": ["c"], "went": [], "changed": {}}
    assert found["releases"]["came"] == ["a==2.0", "b==2.0", "c==1.0"]
    assert found["releases"]["went"] == ["a==1.0", "b==1.0"]
    assert found["files"]["went"] == ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"]
    back = invoke(config, "diff", "2", "1", "--json").json
    assert back["releases"]["came"] == found["releases"]["went"]
    assert ["came", "project", "c", ""] in invoke(config, "diff", "1", "2").lines
    assert invoke(config, "diff", "1", "1").out == ""
    assert invoke(config, "diff", "1", "9").code == 2


def test_diff_says_which_proofs_changed(config: Path, world: World) -> None:
    world.publish("c", "1.1", requires=["gone"])
    world.remove_release("c", "1.0")
    world.remove_release("a", "1.0")  # or that would be proven instead
    invoke(config, "sync")
    world.publish("gone", "1.0")
    invoke(config, "sync")
    proofs = invoke(config, "diff", "2", "3", "--json").json["proofs"]
    targets = proofs[0].pop("targets")
    nothing: dict[str, object] = {"came": [], "went": [], "changed": {}}
    assert proofs == [
        {"subject": "a", "before": "proven", "after": "refuted", "pins": nothing},
    ]
    (proof,) = invoke(config, "diff", "4", "2", "--json").json["proofs"]
    assert (proof["before"], proof["after"], proof["targets"]) == ("proven", "proven", targets)
    assert proof["pins"] == {"came": [], "went": ["gone==1.0"], "changed": {"c": "1.1 -> 1.0"}}

    def line(old: str, new: str) -> list[list[str]]:
        return [line for line in invoke(config, "diff", old, new).lines if line[1] == "proof"]

    assert line("2", "3") == [["changed", "proof", f"a on {targets}", "proven -> refuted"]]
    assert line("3", "4") == [["changed", "proof", f"a on {targets}", "refuted -> proven"]]
    assert line("2", "4") == [["changed", "proof", f"a on {targets}", "c 1.0 -> 1.1, +gone==1.0"]]


def test_there_is_nothing_to_release_where_the_index_follows(config: Path) -> None:
    done = invoke(config, "rollback", "--release")
    assert (done.code, "there is nothing to release" in done.out) == (0, True)


def test_rollback_holds_until_it_is_released(config: Path, world: World) -> None:
    done = invoke(config, "rollback", "1")
    assert done.code == 0
    assert "until" in done.out
    assert versions(config, "a") == {"1.0"}
    assert versions(config, "c") == set()
    world.publish("a", "3.0")
    assert invoke(config, "sync").code == 0
    assert versions(config, "a") == {"1.0"}
    status = invoke(config, "status")
    assert any(line[0] == "frozen" and "--release" in line[1] for line in status.lines)
    assert invoke(config, "status", "--json").json["frozen"][0] == 1
    assert invoke(config, "generations").lines[0][-1] == "the newest, equal to 1"
    assert invoke(config, "rollback", "--release").code == 0
    assert versions(config, "a") == {"1.0"}
    assert invoke(config, "sync").code == 0
    assert versions(config, "a") == {"3.0"}
    assert invoke(config, "status", "--json").json["frozen"] is None


def test_why_nothing_newer_is_published_is_said_wherever_one_looks(
    config: Path, world: World
) -> None:
    invoke(config, "rollback", "1")
    world.publish("a", "3.0")
    done = invoke(config, "sync", "--json")
    assert done.json["frozen"] == 1
    assert "frozen" in done.err
    assert 'until "pypisync rollback --release"' in done.err
    until = 'the index stays at generation 1 until "pypisync rollback --release"'
    assert invoke(config, "why-not", "a==3.0").lines == [["frozen", f"it is wanted, and {until}"]]
    assert invoke(config, "why-not", "b==1.0").lines[-1] == [
        "frozen", f"it is not wanted any more, and {until}"
    ]  # fmt: skip
    status = dict(invoke(config, "status").lines)
    assert "wait" not in status["proofs"]
    assert ["note", f"{until}, and this comes true after that"] in invoke(config, "plan").lines


def released(config: Path) -> str:
    """What the status says of a release that no sync has followed yet."""
    return dict(invoke(config, "status").lines).get("released", "")


def test_that_a_sync_is_due_after_a_release_is_said_until_then(config: Path) -> None:
    for between in ([], ["sync"]):
        invoke(config, "rollback", "1")
        for command_between in between:
            invoke(config, command_between)
        assert released(config) == ""
        invoke(config, "rollback", "--release")
        assert (
            released(config) == "the next sync publishes the newest state, and none has run since"
        )
        assert invoke(config, "status", "--json").json["released"] is True
        invoke(config, "sync")
        assert released(config) == ""


def test_a_release_of_what_was_the_newest_is_said_too(config: Path, world: World) -> None:
    invoke(config, "rollback", "2")
    world.publish("a", "3.0")
    invoke(config, "sync")
    invoke(config, "rollback", "--release")
    assert released(config)
    invoke(config, "sync")
    assert versions(config, "a") == {"3.0"}
    assert released(config) == ""


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_rollback_refuses_what_it_cannot_publish(config: Path, harm: str) -> None:
    [file] = (config.parent / "data").glob("packages/*/*/*/a-1.0-*.whl")
    size = file.stat().st_size
    file.unlink()
    if harm == "damaged":
        file.write_bytes(bytes(size))
    done = invoke(config, "rollback", "1")
    assert done.code == 4
    assert file.name in done.err
    assert versions(config, "a") == {"2.0"}
    assert invoke(config, "status", "--json").json["frozen"] is None


@pytest.mark.parametrize(
    "arguments",
    [["rollback"], ["rollback", "1", "--release"], ["rollback", "7"], ["rollback", "no-name"]],
)
def test_rollback_without_a_generation(config: Path, arguments: list[str]) -> None:
    assert invoke(config, *arguments).code == 2


def test_a_name_keeps_a_generation(config: Path, server: Server, world: World) -> None:
    assert invoke(config, "tag", "1", "stable").out == "stable is generation 1 now\n"
    assert invoke(config, "tag", "2", "stable").code == 2
    configure(config.parent, server.url, packages={"a": ["latest"]}, retention="0")
    assert invoke(config, "sync").code == 0
    listed = invoke(config, "generations", "--json").json
    assert [(found["number"], found["names"]) for found in listed] == [(3, []), (1, ["stable"])]
    assert invoke(config, "rollback", "stable").code == 0
    assert versions(config, "b") == {"1.0"}
    assert invoke(config, "tag", "--delete", "stable").code == 0
    assert invoke(config, "tag", "--delete", "stable").code == 2
    invoke(config, "rollback", "--release")
    assert invoke(config, "sync").code == 0
    assert [found["number"] for found in invoke(config, "generations", "--json").json] == [5]
    assert not list((config.parent / "data").glob("packages/*/*/*/a-1.0-*"))


def test_diff_says_what_a_project_is_now(config: Path, world: World) -> None:
    world.archive("b", reason="done with it")  # silently
    world.publish("b", "3.0a1")
    assert invoke(config, "sync").code == 0
    done = invoke(config, "diff", "2", "3", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["projects"]["changed"] == {"b": "active -> archived (done with it)"}


def test_a_name_is_for_a_generation(config: Path) -> None:
    for words in ((), ("1",), ("1", "stable", "--delete", "stable")):
        assert invoke(config, "tag", *words).code == 2, words


def test_a_name_can_be_moved(config: Path) -> None:
    invoke(config, "tag", "1", "stable")
    assert invoke(config, "tag", "2", "stable", "--move").code == 0
    assert invoke(config, "generations").lines[0][3] == "stable"


@pytest.mark.parametrize("name", ["12", "a/b", "..", "-x", "ä", "", "x" * 65])
def test_what_cannot_be_a_name(config: Path, name: str) -> None:
    done = invoke(config, "tag", "1", name)
    assert done.code == 2
    assert invoke(config, "generations").lines[1][3] == ""


def test_whoever_cannot_write_orders_it_and_waits(config: Path) -> None:
    with writer_lock(config.parent / "data"):
        waiting = subprocess.Popen(
            command(config, "rollback", "1"),
            cwd=config.parent,
            env=environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        assert "another sync" in waiting.stderr.readline()
        assert versions(config, "a") == {"2.0"}
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert versions(config, "a") == {"1.0"}


def test_prune_says_how_much_goes(config: Path, server: Server) -> None:
    dry = invoke(config, "prune", "--dry-run", "--json").json
    assert (dry["generations"], dry["files"]) == (0, 0)
    configure(config.parent, server.url, packages={"a": ["latest"]}, retention="0")
    dry = invoke(config, "prune", "--dry-run", "--json").json
    assert (dry["generations"], dry["files"]) == (1, 4)
    assert dry["bytes"] > 0
    assert invoke(config, "prune", "--json").json == {**dry, "deleted": True}
    assert [found["number"] for found in invoke(config, "generations", "--json").json] == [2]
    assert invoke(config, "verify").code == 0


def test_a_frozen_index_is_repaired_as_far_as_upstream_allows(config: Path, world: World) -> None:
    assert invoke(config, "rollback", "1").code == 0
    world.remove_release("a", "1.0")
    assert invoke(config, "sync").code == 0
    for name in ("a", "b"):
        [file] = (config.parent / "data").glob(f"packages/*/*/*/{name}-1.0-*.whl")
        file.write_bytes(bytes(file.stat().st_size))
    done = invoke(config, "verify", "--repair")
    assert "failed: a-1.0-" in done.err
    assert "b-1.0-" not in done.err
    assert (versions(config, "a"), versions(config, "b")) == (set(), {"1.0"})
    assert invoke(config, "verify").code == 0
    invoke(config, "rollback", "--release")
    assert invoke(config, "sync").code == 0
    assert versions(config, "a") == {"2.0"}
