"""``export`` and ``import``: a mirror inside becomes like the one outside."""

import errno
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pypisync.cli import exits
from pypisync.cli.app import app
from pypisync.errors import BundleError, ConfigError
from pypisync.storage import disk
from pypisync.storage.lock import writer_lock
from tests.cli.running import configure, invoke
from tests.recipe.mirrors import tree_bytes
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def outside(tmp_path: Path, world: World, server: Server) -> Path:
    """A mirror with one generation."""
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    path = configure(tmp_path / "outside", server.url, retention="7 days")
    assert invoke(path, "sync").code == 0
    return path


def test_bundles_go_in(outside: Path, world: World, tmp_path: Path) -> None:
    media = str(tmp_path / "media")
    inside = configure(tmp_path / "inside", retention="7 days")
    done = invoke(outside, "export", "--to", media, "--unsigned")
    assert (done.code, done.err) == (5, "no bundle has been exported yet: begin with --full\n")
    assert invoke(outside, "export", "--to", media, "--full", "--unsigned").code == 0
    assert invoke(inside, "import", media).code == 5  # the inside has not said --unsigned
    done = invoke(inside, "import", media, "--unsigned")
    assert (done.code, done.err) == (0, "")
    assert "generation 1, 2 files" in done.out

    world.publish("a", "2.0", requires=["c"])
    world.publish("c", "1.0")
    assert invoke(outside, "sync").code == 0
    made = invoke(outside, "export", "--to", media, "--unsigned", "--json").json
    assert (made["base"]["sequence"], made["target"]["generation"]) == (1, 2)
    assert invoke(outside, "export", "--to", media, "--unsigned", "--json").json is None
    done = invoke(outside, "export", "--to", media, "--unsigned")
    assert done.out == "nothing has changed since the last bundle: none is written\n"
    done = invoke(inside, "import", made["manifest"], "--unsigned", "--json")
    assert done.json[0]["report"]["generation"] == 2
    assert "here already" in invoke(inside, "import", media, "--unsigned").out
    done = invoke(inside, "import", media)  # none can be used, and the mirror is past all
    assert (done.code, "all are of before" in done.out) == (0, True)

    both = [tree_bytes(path.parent / "data", "simple") for path in (outside, inside)]
    assert both[0] == both[1]
    assert invoke(inside, "verify").code == 0
    for command in (("why", "c"), ("diff", "1", "2"), ("proofs",), ("roots",)):
        words = ("query", "SELECT * FROM v_roots") if command == ("roots",) else command
        assert invoke(inside, *words).out == invoke(outside, *words).out, command
    assert invoke(inside, "prove", "a").code == 0
    status = invoke(inside, "status", "--json").json
    assert (status["well"], status["bundle"]["bundle"], status["bundle"]["next"]) == (True, 2, 3)
    (said,) = (line[1] for line in invoke(inside, "status").lines if line[0] == "bundle")
    assert re.fullmatch(
        r"2 of mirror [0-9a-f]{8}, exported .* ago, imported .* ago; next .* 3", said
    )
    (said,) = (line[1] for line in invoke(outside, "status").lines if line[0] == "exported")
    assert said.startswith("bundle 2, ")
    assert invoke(inside, "sync").code == 5


def test_beside_a_daemon_bundles_go_into_its_folder(outside: Path, tmp_path: Path) -> None:
    media = str(tmp_path / "media")
    assert invoke(outside, "export", "--to", media, "--full", "--unsigned").code == 0
    come = str(tmp_path / "come")
    for keys, words in (
        ({"import_from": come}, f'into {come} ("bundles.import_from")'),
        ({}, 'name a folder in "bundles.import_from"'),
    ):
        inside = configure(tmp_path / "inside", bundles={"unsigned": True, **keys})
        with writer_lock(tmp_path / "inside" / "data", daemon=True):
            done = invoke(inside, "import", media)
        assert (done.code, words in done.err, "--now" in done.err) == (4, True, False)


def test_what_cannot_be_exported_is_told(outside: Path, tmp_path: Path) -> None:
    export = ("export", "--to", str(tmp_path / "media"))
    assert invoke(outside, *export, "--full").code == 2  # there is no key
    assert invoke(outside, *export, "--unsigned", "--full", "--since", "1").code == 2
    for size, why in (("1 KiB", "must be 1 MiB at least"), ("much", "must be a size such as")):
        done = invoke(outside, *export, "--unsigned", "--split", size)
        assert (done.code, f"--split {size}: {why}" in done.err) == (2, True)
    assert invoke(outside, *export, "--unsigned", "--since", "7").code == 2
    assert invoke(outside, *export, "--list").code == 2
    assert invoke(outside, *export, "--unsigned", "--full", "--for", "report.json").code == 2
    done = invoke(outside, *export, "--unsigned", "--since", "1")
    assert (done.code, "no bundle has led to generation 1" in done.err) == (5, True)


def test_what_is_not_there_is_told(outside: Path, tmp_path: Path) -> None:
    inside, slip = configure(tmp_path / "inside"), str(tmp_path / "slip.json")
    assert invoke(inside, "db", "upgrade").code == 0
    done = invoke(inside, "import", "--report", slip)
    assert (done.code, "no bundle was imported here yet" in done.err) == (5, True)
    done = invoke(outside, "export", "--to", str(tmp_path), "--for", slip, "--unsigned")
    assert (done.code, f"{slip}: there is no such report" in done.err) == (5, True)
    (tmp_path / "empty").mkdir()
    done = invoke(inside, "import", str(tmp_path / "empty"), "--unsigned")
    assert (done.code, "empty: no bundle is there" in done.err) == (5, True)
    assert invoke(inside, "verify").code == 0  # nothing is published, and nothing wrong


def test_either_bundles_or_a_report(outside: Path) -> None:
    for words in ((), ("media", "--report", "slip")):
        done = invoke(outside, "import", *words)
        assert (done.code, "either bundles to import, or --report" in done.err) == (2, True)


@pytest.mark.parametrize("content", [b"", b"junk", b"longer, as it may be in the end" * 1000])
def test_what_is_damaged_is_not_exported(outside: Path, tmp_path: Path, content: bytes) -> None:
    export = ("export", "--to", str(tmp_path / "media"), "--full", "--unsigned")
    (file,) = (outside.parent / "data").glob("packages/**/a-1.0-py3-none-any.whl")
    whole = file.read_bytes()
    for damaged in (content, bytes(len(whole))):
        file.write_bytes(damaged)
        done = invoke(outside, *export)
        assert done.code == 5
        assert done.err == (
            f'{file}: damaged: run "pypisync verify --repair --rehash" before the export\n'
        )
    file.unlink()
    assert invoke(outside, *export).code == 4
    assert invoke(outside, "verify", "--repair", "--rehash").code == 0
    assert invoke(outside, *export).code == 0
    assert file.read_bytes() == whole


def test_disks_without_hard_links(
    outside: Path, world: World, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is written twice there, and is the same."""
    links: list[Path] = []

    def refuse(step: str, path: Path) -> None:
        if step == "link":
            links.append(path)
            raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(disk, "before", refuse)
    media, flat = tmp_path / "media", tmp_path / "flat"
    plain = configure(flat, server.url, bundles={"unsigned": True, "repeat": 2})
    assert invoke(plain, "sync").code == 0
    trees = [tree_bytes(path.parent / "data", "simple") for path in (outside, plain)]
    assert trees[0] == trees[1]
    assert invoke(plain, "export", "--to", str(media), "--full").code == 0
    (copy,) = (path for path in media.iterdir() if path.is_dir())
    copies = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert copies == {name: (media / name).read_bytes() for name in copies}
    assert len(copies) >= 1
    assert {path.suffix for path in links} >= {".partial"}


def test_a_key_has_one_name_and_is_never_replaced(outside: Path, tmp_path: Path) -> None:
    def keys(*words: str) -> str:
        done = CliRunner().invoke(app, ["keys", *words], catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    place, media = tmp_path / "officer", str(tmp_path / "media")
    said = keys("make", str(place))
    (name,) = {keys("show", f"{place}.{kind}") for kind in ("key", "pub")}
    assert name.strip() in said
    before = {path: path.read_bytes() for path in tmp_path.glob("officer.*")}
    with pytest.raises(ConfigError, match="there is a key already"):
        keys("make", str(place))
    assert {path: path.read_bytes() for path in tmp_path.glob("officer.*")} == before
    twice = {name: {"key": f"{place}.pub"} for name in ("officer", "deputy")}
    inside = configure(tmp_path / "inside", bundles={"trusted": twice, "threshold": 2})
    done = invoke(inside, "import", media)
    assert (done.code, "names one key twice, which would count twice" in done.err) == (2, True)
    made = invoke(outside, "export", "--to", media, "--full", "--unsigned", "--json").json
    with pytest.raises(BundleError, match="says that it is not signed"):
        keys("sign", made["manifest"], f"{place}.key")
    place.with_suffix(".pub").write_bytes(b"x" * 100_000)
    with pytest.raises(ConfigError, match="too long for a key"):
        keys("show", f"{place}.pub")


def test_what_is_not_exported_leaves_nothing(tmp_path: Path) -> None:
    media = tmp_path / "media"
    nothing = configure(tmp_path / "outside")
    assert invoke(nothing, "db", "upgrade").code == 0
    done = invoke(nothing, "export", "--to", str(media), "--full", "--unsigned")
    assert (done.code, "nothing is published yet" in done.err) == (5, True)
    assert list(media.iterdir()) == []


def test_the_officer_sees_what_is_in_it(outside: Path, world: World, tmp_path: Path) -> None:
    media = str(tmp_path / "media")
    listed = ("export", "--list", "--full")
    rows = invoke(outside, *listed, "--json").json
    assert [(row["project"], row["version"], row["vulnerabilities"]) for row in rows] == [
        ("a", "1.0", []),
        ("b", "1.0", []),
    ]
    assert all(row["size"] > 0 and len(row["sha256"]) == 64 for row in rows)
    made = invoke(outside, "export", "--full", "--to", media, "--unsigned", "--json").json
    for form in ("--csv", "--json"):
        of_bundle = invoke(outside, "export", "--list", made["manifest"], form).out
        assert of_bundle == invoke(outside, *listed, form).out
    text = invoke(outside, "export", "--list", made["manifest"])
    assert [line[:3] for line in text.lines] == [
        ["a", "1.0", "a-1.0-py3-none-any.whl"],
        ["b", "1.0", "b-1.0-py3-none-any.whl"],
    ]
    assert "2 projects, 2 releases, 2 files" in text.err

    world.publish("a", "2.0")
    assert invoke(outside, "sync").code == 0
    assert [row["version"] for row in invoke(outside, "export", "--list", "--json").json] == ["2.0"]
    part = tmp_path / "media" / made["parts"][0]["name"]
    data = part.read_bytes()
    part.write_bytes(data.replace(b"a-1.0-py3-none-any.whl", b"z-1.0-py3-none-any.whl"))
    done = invoke(outside, "export", "--list", made["manifest"])
    assert (done.code, part.name in done.err) == (5, True)


def test_a_report_brings_what_is_missing(outside: Path, world: World, tmp_path: Path) -> None:
    media, slip = tmp_path / "media", str(tmp_path / "report.json")
    export = ("export", "--to", str(media), "--unsigned", "--json")
    inside = configure(tmp_path / "inside", retention="7 days")
    made = invoke(outside, *export, "--full").json
    assert invoke(inside, "import", made["manifest"], "--unsigned").code == 0
    world.publish("a", "2.0", requires=["b"])
    assert invoke(outside, "sync").code == 0
    lost = invoke(outside, *export).json  # this bundle never arrives
    assert lost["base"]["sequence"] == 1
    world.publish("a", "3.0", requires=["b"])
    assert invoke(outside, "sync").code == 0
    later = invoke(outside, *export).json
    assert invoke(inside, "import", later["manifest"], "--unsigned").code == 5
    (gone,) = (inside.parent / "data").glob("packages/**/b-1.0-py3-none-any.whl")
    gone.unlink()

    assert invoke(inside, "import", "--report", slip).code == 0
    (outside.parent / "data" / ".exports" / "000001.json").unlink()  # nor is it remembered
    made = invoke(outside, *export, "--for", slip).json
    assert (made["base"]["sequence"], made["target"]["sequence"]) == (1, 3)
    assert invoke(inside, "import", made["manifest"], "--unsigned").code == 0
    both = [tree_bytes(path.parent / "data", "simple") for path in (outside, inside)]
    assert both[0] == both[1]
    assert invoke(inside, "verify").code == 0

    gone.unlink()  # only a file is lost, and nothing is new
    assert invoke(inside, "import", "--report", slip).code == 0
    (row,) = invoke(outside, "export", "--list", "--for", slip, "--json").json
    assert row["filename"] == gone.name
    made = invoke(outside, *export, "--for", slip).json
    assert (made["files"], made["base"]) == (2, made["target"])
    (row,) = invoke(outside, "export", "--list", made["manifest"], "--json").json
    assert row["filename"] == gone.name  # whoever approves it sees what is sent again
    assert invoke(inside, "verify").code == 1
    assert invoke(inside, "import", made["manifest"], "--unsigned").code == 0
    assert invoke(inside, "verify").code == 0
    assert invoke(inside, "export", "--to", str(media), "--for", slip, "--unsigned").code == 5


def test_ctrl_c_ends_an_export_and_an_import(
    outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the code of other commands, and the next one goes on."""

    def interrupt(step: str, path: Path) -> None:
        if step == "rename":
            raise KeyboardInterrupt

    media = str(tmp_path / "media")
    inside = configure(tmp_path / "inside")
    for config, words in (
        (outside, ("export", "--to", media, "--full", "--unsigned")),
        (inside, ("import", media, "--unsigned")),
    ):
        with monkeypatch.context() as pressed:
            pressed.setattr(disk, "before", interrupt)
            assert invoke(config, *words).code == 130
        assert 130 in exits.COMMANDS[words[0]]
        assert invoke(config, *words).code == 0
