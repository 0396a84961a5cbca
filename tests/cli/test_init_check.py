"""``init`` and ``check`` as a real process."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pypisync.cli.configuration import TEMPLATE
from tests import forked
from tests.cli.running import LINUX, PRELOADED, configure, invoke

LEFT_OUT = (
    "environment.extra is left out: every extra of every mirrored project is followed, "
    "which can be thousands of projects; write [] for none, or null if all are meant"
)
EXPOSED = (
    "the database lies in the mirror's folder: a web server that serves the whole folder serves "
    'pypisync.sqlite as well. Serve only simple and packages (as "listen" does), or move it and '
    "name it in database"
)
CONFIG = """{
  destination_folder: "/srv/mirror",
  database: "postgresql://me:geheim@db/mirror",
  environment: { python_version: ["3.12", "3.13"], sys_platform: ["linux"] },
  upstream: { proxy: "http://u:geheim@proxy" },
  packages: { "Requests[socks]": ["latest", "2 latest<3"], flask-wtf: [] },
  packages_re: { "flask-.*": ["latest"] },
}""".replace("flask-wtf", '"flask-wtf"')


ROOT = str(Path(__file__).parent.parent.parent)


def variables(**environ: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYPISYNC_")}
    return clean | {"PYTHONPATH": ROOT} | environ


def start(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as users do."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pypisync", *arguments],
        cwd=folder,
        env=variables(),
        capture_output=True,
        text=True,
        check=False,
    )


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process that need not import anything."""
    return forked.run(PRELOADED, ["pypisync", *arguments], folder, variables(**environ))


def test_init_then_check(tmp_path: Path) -> None:
    first = start(tmp_path, "init")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == "wrote pypisync.json5; next: pypisync check --config pypisync.json5\n"
    assert (tmp_path / "pypisync.json5").read_text(encoding="utf-8") == TEMPLATE
    second = run(tmp_path, "check")
    assert (second.returncode, second.stderr) == (0, "")
    assert f"destination_folder\t{tmp_path}/data" in second.stdout.splitlines()
    assert "root\trequests\tlatest" in second.stdout.splitlines()


def test_init_does_not_overwrite_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "mine.json5"
    file.write_text("{}", encoding="utf-8")
    refused = run(tmp_path, "init", "mine.json5")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "mine.json5: already there; --force overwrites it\n"
    assert file.read_text(encoding="utf-8") == "{}"
    assert run(tmp_path, "init", "mine.json5", "--force").returncode == 0
    assert file.read_text(encoding="utf-8") == TEMPLATE


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    result = run(tmp_path, "init", "no/such/folder.json5")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "no/such/folder.json5: cannot be written: No such file or directory\n"


def test_check_prints_plain_lines_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "c.json5").write_text(CONFIG, encoding="utf-8")
    result = run(tmp_path, "check", "--config", "c.json5")
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "geheim" not in result.stdout
    assert "database\tpostgresql://me:***@db/mirror" in lines
    assert "root\tRequests[socks]\tlatest, 2 latest<3" in lines
    assert "root\tflask-wtf\tnone, not even by pattern" in lines
    assert "pattern\tflask-.*\tlatest" in lines
    targets = [line for line in lines if line.startswith("target\t")]
    assert len(targets) == 2
    assert "\x1b" not in result.stdout


def test_check_as_json(tmp_path: Path) -> None:
    (tmp_path / "c.json5").write_text(CONFIG, encoding="utf-8")
    result = run(
        tmp_path, "check", "-c", "c.json5", "--json", PYPISYNC_ENDPOINT="http://u:geheim@127.0.0.1"
    )
    assert (result.returncode, result.stderr) == (0, "")
    understood = json.loads(result.stdout)
    assert "geheim" not in result.stdout
    assert understood["endpoint"] == "http://***@127.0.0.1"
    assert understood["destination_folder"] == "/srv/mirror"
    assert understood["environment"]["python_version"] == ["3.12", "3.13"]
    assert understood["upstream"]["proxy"] == "http://***@proxy"
    assert understood["roots"] == [
        {"name": "requests", "extras": ["socks"], "selectors": ["latest", "2 latest<3"]},
        {"name": "flask-wtf", "extras": [], "selectors": []},
    ]
    assert understood["patterns"] == [{"regex": "flask-.*", "selectors": ["latest"]}]
    assert [target["values"]["sys_platform"] for target in understood["targets"]] == ["linux"] * 2


def test_check_shows_groups(tmp_path: Path) -> None:
    (tmp_path / "c.json5").write_text(
        '{ requirements: ["r.txt", { file: "pins.txt", resolve: false }],'
        ' environment: { extra: null }, database: "sqlite:///outside.sqlite" }',
        encoding="utf-8",
    )
    (tmp_path / "r.txt").write_text("-i http://u:geheim@h\nsix\nflask>1\n-c c", encoding="utf-8")
    (tmp_path / "c").write_text("six<2", encoding="utf-8")
    pins = f"six==1 --hash=sha256:{'a' * 64}"
    (tmp_path / "pins.txt").write_text(pins, encoding="utf-8")
    result = run(tmp_path, "check", "-c", "c.json5")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-3:] == [
        "group\tr.txt\t2 requirements, 1 constraint",
        "note\tr.txt\tr.txt:1: --index-url is ignored",
        "group\tpins.txt\texactly 1 release, 1 named file",
    ]
    understood = json.loads(run(tmp_path, "check", "-c", "c.json5", "--json").stdout)
    assert understood["groups"] == [
        {
            "name": "r.txt",
            "resolve": True,
            "requirements": ["six", "flask>1"],
            "constraints": ["six<2"],
            "pins": [],
            "notes": ["r.txt:1: --index-url is ignored"],
        },
        {
            "name": "pins.txt",
            "resolve": False,
            "requirements": [],
            "constraints": [],
            "pins": ["six==1"],
            "notes": [],
        },
    ]


def test_check_says_what_an_extra_that_is_left_out_means(tmp_path: Path) -> None:
    for environment, noted in (("{}", True), ("{ extra: null }", False), ("{ extra: [] }", False)):
        (tmp_path / "c.json5").write_text(
            f'{{ packages: {{ a: ["latest"] }}, environment: {environment},'
            ' database: "sqlite:///outside.sqlite" }',
            encoding="utf-8",
        )
        lines = run(tmp_path, "check", "-c", "c.json5").stdout.splitlines()
        assert [line for line in lines if line.startswith("note\t")] == (
            [f"note\t{LEFT_OUT}"] if noted else []
        )
        understood = json.loads(run(tmp_path, "check", "-c", "c.json5", "--json").stdout)
        assert understood["notes"] == ([LEFT_OUT] if noted else [])
        assert understood["limits"] == {
            "projects": 2000,
            "bytes": 100 * 2**30,
            "removals": 3,
            "removals_share": 0.1,
            "dropped_share": 0.5,
        }
        assert ["limits.bytes", "100 GiB"] in [line.split("\t") for line in lines]


@pytest.mark.parametrize(
    ("database", "noted"),
    [
        (None, False),
        ("sqlite:///data/pypisync.sqlite", True),
        ("sqlite:///outside.sqlite", False),
        ("sqlite:///database/pypisync.sqlite", False),  # begins as the folder does
        ("postgresql://db/mirror", False),
    ],
)
def test_check_says_that_the_database_lies_in_the_mirrors_folder(
    tmp_path: Path, database: str | None, noted: bool
) -> None:
    config = configure(tmp_path, environment=LINUX | {"extra": []}, database=database)
    notes = [line for line in invoke(config, "check").lines if line[0] == "note"]
    assert notes == ([["note", EXPOSED]] if noted else [])
    assert invoke(config, "check", "--json").json["notes"] == ([EXPOSED] if noted else [])


def test_check_on_a_terminal_draws_a_table(tmp_path: Path) -> None:
    (tmp_path / "c.json5").write_text(CONFIG, encoding="utf-8")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pypisync", "check", "--config", "c.json5"],
        cwd=tmp_path,
        stdout=follower,
        env=os.environ | {"PYTHONPATH": ROOT, "COLUMNS": "100", "TERM": "xterm"},
    )
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # Linux says so when the last writer has closed
        pass
    os.close(leader)
    assert process.wait() == 0
    text = shown.decode()
    assert "Requests[socks]" in text  # not taken for Rich's markup
    assert "─" in text


def test_check_prints_the_schema_without_a_configuration(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "--schema")
    assert (result.returncode, result.stderr) == (0, "")
    assert "packages_re" in json.loads(result.stdout)["properties"]


def test_faults_go_to_standard_error_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "pypisync.json5").write_text("{flat: 1,\n wheel: 2}", encoding="utf-8")
    result = run(tmp_path, "check")
    assert (result.returncode, result.stdout) == (2, "")
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        ["pypisync.json5:1:2", "flat"],
        ["pypisync.json5:2:2", "wheel"],
    ]


@pytest.mark.skipif(Path("/etc/pypisync/pypisync.json5").exists(), reason="configured here")
def test_no_configuration_anywhere(tmp_path: Path) -> None:
    result = run(tmp_path, "check")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "no configuration in pypisync.json5 or /etc/pypisync/pypisync.json5: "
        '"pypisync init" writes one, --config names another\n'
    )


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("check", "--help"), ("init",)])
def test_nothing_heavy_is_imported_where_it_is_not_needed(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code = (
        "import sys\nfrom pypisync.cli import main\n"
        f"sys.argv = ['pypisync', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        # Not pydantic: Typer itself imports it where it is installed.
        "heavy = {'rich', 'requests', 'sqlalchemy', 'json5', 'packaging', 'msgspec',\n"
        "         'pypisync.catalog', 'pypisync.core.standards', 'pypisync.storage'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ROOT},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize(
    ("raised", "code", "shown"),
    [
        ("KeyboardInterrupt", 130, ""),
        ("StorageError('no space left in /srv')", 4, "no space left in /srv\n"),
        ("Unreachable('no answer')", 3, "no answer\n"),
        ("RuntimeError('a bug')", 1, "Traceback"),
    ],
)
def test_exit_codes_say_who_must_act(tmp_path: Path, raised: str, code: int, shown: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pypisync.cli import main\nfrom pypisync.cli.app import app\n"
        "from pypisync.errors import StorageError, Unreachable\n"
        f"@app.command()\ndef fail() -> None:\n    raise {raised}\n"
        "sys.argv = ['pypisync', 'fail']\nmain()\n",
        encoding="utf-8",
    )
    result = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code
    assert result.stderr.startswith(shown)
    assert ("Traceback" in result.stderr) == (shown == "Traceback")


def test_check_shows_on_which_machines_roots_are_proven(tmp_path: Path) -> None:
    environment = {"python_version": ["3.13"], "sys_platform": ["linux", "aix"]}
    config = configure(tmp_path, environment=environment)
    done = invoke(config, "check")
    assert ["proof target", "3.13 linux-x86_64"] in done.lines
    assert ["no proof target", "3.13 aix"] in done.lines
    config = configure(tmp_path, targets=["3.13t musllinux_1_1_aarch64"])
    assert invoke(config, "check", "--json").json["proof_targets"] == [
        "3.13t musllinux_1_1_aarch64"
    ]
    config = configure(tmp_path, targets=["3.13 amiga"])
    done = invoke(config, "check")
    assert done.code == 2
    assert '"3.13 amiga" is not a proof target' in done.err
