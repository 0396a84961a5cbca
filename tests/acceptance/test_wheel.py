"""The wheel as a user gets it: what is in it, and that it works from an empty folder."""

import re
import shutil
import zipfile
from pathlib import Path

import pytest

from pypisync.cli.configuration import TEMPLATE
from pypisync.core.wanted.roots import TOOLCHAIN
from tests.acceptance.clients import install
from tests.acceptance.product import ROOT, Mirror, Product, build_wheel
from tests.acceptance.serving import serve
from tests.sim.server import Server
from tests.sim.world import World

PRIVATE = {".env", "config"}  # in deploy, of whoever runs it
ASKED = {"packages": {"a": ["latest"]}}
IMPORT_ALL = """
import importlib, pkgutil, pypisync
for module in pkgutil.walk_packages(pypisync.__path__, "pypisync."):
    # The migrations are run by their tool, which sets the scene for them.
    if "migrations" not in module.name and "__main__" not in module.name:
        importlib.import_module(module.name)
print(pypisync.__file__)
"""
FIND_MIGRATIONS = """
from pypisync.catalog.db import migrate
print(migrate._config().get_main_option("script_location"), migrate.wanted_revision())
"""


def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "pypisync").rglob("*.py")}
    assert names >= code | {"pypisync/ARCHITECTURE.md", "pypisync/migrations/env.py"}
    browse = ROOT / "pypisync" / "web" / "browse"
    shown = [path for kind in ("html", "css", "svg") for path in browse.rglob(f"*.{kind}")]
    assert len(shown) > 10
    assert names >= {str(path.relative_to(ROOT)) for path in shown}
    revisions = {path.name for path in (ROOT / "migrations" / "versions").glob("*.py")}
    assert names >= {f"pypisync/migrations/versions/{name}" for name in revisions}
    beside = [path for name in ("systemd", "deploy") for path in (ROOT / name).iterdir()]
    beside = [path for path in beside if path.name not in PRIVATE]
    assert len(beside) > 15
    assert names >= {f"pypisync/{path.relative_to(ROOT)}" for path in beside}
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"pypisync"}
    assert not [name for name in names if "test" in name or "__pycache__" in name]


def test_the_container_is_built_from_what_the_wheel_needs(wheel: Path, tmp_path: Path) -> None:
    """Of the checkout the build sees what .dockerignore lets through and COPY names."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    context = {line.removeprefix("!") for line in lines if line.startswith("!")}
    steps = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
    stages = re.findall(r"^COPY (?!--from)(.+) \S+$", steps, re.MULTILINE)
    copied = {name for names in stages for name in names.split()}
    assert copied == context
    source = tmp_path / "source"
    source.mkdir()
    for name in copied:
        place = ROOT / name
        (shutil.copytree if place.is_dir() else shutil.copy)(place, source / name)
    # What compose.yaml has people put there is for nobody else.
    assert {f"deploy/{name}" for name in PRIVATE} <= set(lines)
    (source / "deploy" / "config").mkdir(exist_ok=True)
    for name in (".env", "config/pypisync.json5"):
        (source / "deploy" / name).write_text("a password", encoding="utf-8")
    made = build_wheel(tmp_path / "made", source)
    with zipfile.ZipFile(made) as ours, zipfile.ZipFile(wheel) as whole:
        code = {name for name in whole.namelist() if "__pycache__" not in name}
        assert code <= set(ours.namelist())
        assert not [name for name in ours.namelist() if PRIVATE & set(Path(name).parts[2:])]


def test_every_module_imports_from_the_wheel_without_a_warning(product: Product) -> None:
    done = product.python(IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(product.folder)


def test_the_migrations_are_those_in_the_wheel(product: Product) -> None:
    done = product.python(FIND_MIGRATIONS)
    assert done.returncode == 0, done.stderr
    folder, revision = done.stdout.split()
    assert Path(folder).is_relative_to(product.folder)
    assert revision


def test_the_units_of_the_wheel_run_the_installed_program(product: Product, tmp_path: Path) -> None:
    dry = product.start("install-units", "--root", str(tmp_path), "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert list(tmp_path.iterdir()) == []
    done = product.start("install-units", "--root", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("wrote ")] == [
        line.replace("would write ", "wrote ")
        for line in dry.stdout.splitlines()
        if line.startswith("would write ")
    ]
    units = tmp_path / "etc/systemd/system"
    program = product.folder / "venv/bin/pypisync"
    for name, command in (("pypisync", "run"), ("pypisync-sync", "sync")):
        text = (units / f"{name}.service").read_text(encoding="utf-8")
        assert f"ExecStart={program} {command} " in text
    assert (units / "pypisync-sync.timer").is_file()
    for kind in ("sysusers", "tmpfiles"):
        source = ROOT / f"systemd/pypisync.{kind}.conf"
        assert (tmp_path / f"etc/{kind}.d/pypisync.conf").read_bytes() == source.read_bytes()
    examples = tmp_path / "usr/local/share/doc/pypisync"
    assert {path.name for path in examples.iterdir()} == {
        path.name for path in (ROOT / "deploy").iterdir()
    }


def test_init_then_sync_then_install(product: Product, tmp_path: Path) -> None:
    """The first steps of a new user, as the tutorial has them."""
    world = World()
    world.publish("requests", "2.0", requires=["certifi>=1"])
    world.publish("certifi", "1.0")
    for name in TOOLCHAIN:
        world.publish(name, "1.0")
    file = tmp_path / "pypisync.json5"
    assert product.start("init", str(file)).returncode == 0
    assert file.read_text(encoding="utf-8") == TEMPLATE
    with Server(world) as server:
        endpoint = {"PYPISYNC_ENDPOINT": server.url}
        done = product.start("sync", "--config", str(file), **endpoint)
    assert done.returncode == 0, done.stderr
    with serve(tmp_path / "data", "html") as index:
        found = install("uv", index, tmp_path / "client", "requests")
    assert found == {"requests": "2.0", "certifi": "1.0"}


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ({**ASKED, "endpont": "x"}, 2, 'did you mean "endpoint"?'),
        ({**ASKED, "endpoint": "http://127.0.0.1:9", "upstream": {"retries": 0}}, 3, "127.0.0.1"),
        (
            {**ASKED, "endpoint": "http://127.0.0.1:9", "database": "postgresql://u@127.0.0.1:9/d"},
            4,
            "",
        ),
    ],
)
def test_the_exit_code_says_who_must_act(
    keys: dict[str, object], code: int, words: str, product: Product, tmp_path: Path
) -> None:
    done = Mirror(product, tmp_path, keys).sync(code)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
