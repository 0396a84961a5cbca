"""The README's two commands: the first is run as it stands there, the second is what CI runs."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.clients import install
from tests.acceptance.product import ROOT
from tests.acceptance.serving import serve
from tests.sim.server import Server
from tests.sim.world import World

LINES = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
FIRST, SECOND = (line for line in LINES if line.startswith("$(command -v sudo) apt-get "))
APT = "$(command -v sudo) apt-get update && $(command -v sudo) apt-get install -y python3-venv && "
PROGRAMS = (
    "chromium", "chromium-driver", "curl", "faketime", "openssl", "rsync", "sqlite3", "wrk",
    "nginx", "caddy", "prometheus",
)  # fmt: skip
NOT_TRACKED = (
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "data", "dist", "pypisync.sqlite*",
)  # fmt: skip


def example_world() -> World:
    """What ``deploy/example.json5`` asks for, as far as its names go."""
    world = World()
    needs = ["blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug"]
    world.publish("Flask", "3.1", requires=needs)
    world.publish("jinja2", "3.1", requires=["MarkupSafe>=2"], extras={"i18n": ["Babel"]})
    world.publish("werkzeug", "3.1", requires=["MarkupSafe>=2.1.1"])
    world.publish("python-dateutil", "2.9", requires=["six>=1.5"])
    for name in ("blinker", "click", "itsdangerous", "MarkupSafe", "six", "Babel"):
        world.publish(name, "3.0")
    return world


def stand_ins(folder: Path) -> Path:
    """A folder with an ``apt-get`` that does nothing: tests change no machine."""
    folder.mkdir()
    for name, body in (("apt-get", "exit 0"), ("sudo", 'exec "$@"')):
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.long
@pytest.mark.network
def test_the_first_command_makes_a_mirror(tmp_path: Path) -> None:
    """Runs with the machine's own settings, and fetches PypiSync's dependencies as a user does."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_TRACKED))
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON", "COV"))}
    own["PATH"] = f"{stand_ins(tmp_path / 'bin')}:{own.get('PATH', os.defpath)}"
    own["PIP_COMPILE"] = "0"  # a quarter of what the command takes, for what a sync never imports
    own["no_proxy"] = f"{own.get('no_proxy', '')},127.0.0.1"
    with Server(example_world()) as server:
        done = subprocess.run(
            ["bash", "-c", FIRST],
            cwd=checkout,
            env=own | {"PYPISYNC_ENDPOINT": server.url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    with serve(checkout / "data", "html") as index:
        found = install("uv", index, tmp_path / "client", "flask", "python-dateutil")
    assert found.keys() >= {"Flask", "MarkupSafe", "python-dateutil", "six"}
    assert "Babel" not in found
    shutil.rmtree(checkout)  # a hundred megabytes


def test_a_program_that_cannot_be_had_is_named_and_passed_over(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "tests").mkdir(parents=True)
    script = shutil.copy(ROOT / "tests/programs.sh", checkout / "tests")
    bin_folder = stand_ins(tmp_path / "bin")
    for name in ("apt-get", "npm"):
        (bin_folder / name).write_text("#!/bin/sh\nexit 100\n", encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    path = f"{bin_folder}:{os.defpath}"
    done = subprocess.run([script], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    absent = [f"There is no package {name} here." for name in PROGRAMS]
    assert done.stdout.splitlines() == [
        *absent,
        "axe-core cannot be had here: there is no npm, or npm cannot fetch it.",
    ]


def test_the_suite_can_be_started_where_sigint_is_ignored() -> None:
    """As under nohup: a test that needs the signal gets it all the same."""
    one = "tests/cli/test_sync.py::test_the_second_signal_ends_at_once"
    command = shlex.join([sys.executable, "-m", "pytest", "-n", "0", one])
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT; exec {command}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_both_commands_prepare_the_machine_alike() -> None:
    """So the first one's Debian packages are those that CI installs by the second."""
    assert FIRST.startswith(APT)
    assert SECOND.startswith(APT)


def test_ci_runs_the_second_command() -> None:
    script = ROOT / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == SECOND
    assert "set -euo pipefail" in lines
    assert os.access(script, os.X_OK)
