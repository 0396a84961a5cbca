"""What a terminal expects: version, completion, manual pages, a status that stays, whole values."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docs.generated import every_command
from pypisync.cli import exits, query
from pypisync.cli.app import app
from pypisync.errors import EXIT_CODES
from pypisync.version import own_version
from tests.cli.running import command, configure, environ, invoke
from tests.sim.server import Server
from tests.sim.world import World


def test_the_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"pypisync {own_version()}\n")
    assert own_version()[0].isdigit()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    asked = {
        "_PYPISYNC_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "pypisync st",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "pypisync st",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "pypisync"],
        env={**environ(), **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "status" in done.stdout


def test_a_manual_page_for_every_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["man", str(tmp_path / "man1")])
    assert done.exit_code == 0
    pages = {path.name: path.read_text("utf-8") for path in (tmp_path / "man1").iterdir()}
    assert {"pypisync.1", "pypisync-sync.1", "pypisync-db-upgrade.1"} <= pages.keys()
    assert "\\-\\-accept\\-removals" in pages["pypisync-sync.1"]
    assert ".SH EXIT STATUS" in pages["pypisync-rollback.1"]
    for name in pages if shutil.which("groff") else ():
        program = ["groff", "-man", "-ww", "-Tutf8", "-z", str(tmp_path / "man1" / name)]
        checked = subprocess.run(program, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, ""), name


def test_every_command_lists_its_exit_codes(tmp_path: Path) -> None:
    """That they are all which it ends with is seen by :func:`tests.cli.running.documented`."""
    names = {words.removeprefix("pypisync ") for words, _ in every_command()}
    assert names == exits.COMMANDS.keys()
    assert {code for codes in exits.COMMANDS.values() for code in codes} == EXIT_CODES.keys()
    for name, codes in exits.COMMANDS.items():
        said = CliRunner().invoke(app, [*name.split(), "--help"]).stdout.partition("Exit codes:")[2]
        assert tuple(map(int, re.findall(r"^ +(\d+)  ", said, re.M))) == codes
        assert all(len(line) <= 80 for line in said.splitlines())
    CliRunner().invoke(app, ["man", str(tmp_path)])
    page = (tmp_path / "pypisync-status.1").read_text("utf-8").partition(".SH EXIT STATUS")[2]
    assert tuple(map(int, re.findall(r"^\.B (\d+)", page, re.M))) == exits.COMMANDS["status"]


def test_manual_pages_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, ["man", str(tmp_path / "file")])
    assert "choose another folder" in str(done.exception)


def test_a_status_that_stays(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path, server.url)
    assert invoke(config, "sync").code == 0
    watching = subprocess.Popen(
        command(config, "status", "--watch"),
        env={**environ(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    seen = 0
    while seen < 2:
        line = watching.stdout.readline()
        assert line, "it ended by itself"
        seen += line.startswith("generation\t1 ")
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=60)
    assert watching.returncode == 130


@pytest.mark.parametrize("width", [40, 400])
def test_a_query_cuts_no_value(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    value = "x" * 90
    query._print(["name", "reason"], iter([("a", value), ("b", "y")]), as_csv=False, as_json=False)
    shown = capsys.readouterr().out
    assert value in shown
    assert ("- 1\n  name: a\nreason: xxx" in shown) == (width == 40)
