"""The how-to guides, carried out: their blocks run as written, but for the names of folders."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from uv import find_uv_bin

from tests import forked
from tests.acceptance.clients import install, run
from tests.acceptance.fronts import nginx_over
from tests.acceptance.product import Mirror, Product
from tests.acceptance.serving import serve
from tests.acceptance.test_commands import stand_ins
from tests.blocks import block
from tests.postgres import Postgres
from tests.recipe.mirrors import tree_bytes
from tests.sim.server import Server
from tests.sim.world import World

# An authority of a company's own, and a certificate for this machine.
AUTHORITY = """
cd FOLDER
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=ours" -keyout ours.key -out authority
openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout key -out request
printf '%s\n' subjectAltName=DNS:localhost basicConstraints=CA:FALSE \
    subjectKeyIdentifier=hash authorityKeyIdentifier=keyid > extensions
openssl x509 -req -in request -CA authority -CAkey ours.key -CAcreateserial -days 2 \
    -extfile extensions -out certificate
"""
CONFIG = "/etc/pypisync/pypisync.json5"


@dataclass
class Machine:
    """A mirror, and a shell in which the commands of the guides run on it."""

    mirror: Mirror
    folder: Path
    environment: Mapping[str, str]
    link: int  # the file by which the shell's "pypisync" is forked

    def run(self, script: str, **replaced: str) -> None:
        """Run a block of a guide. Its folders are replaced by those of the test."""
        backup = self.folder / "backup"
        backup.mkdir(exist_ok=True)
        places = {
            CONFIG: str(self.mirror.configuration),
            "/var/lib/pypisync": str(self.mirror.folder),
            "/backup": str(backup),
            "-o pypisync -g pypisync ": "",
        }
        for old, new in (places | replaced).items():
            script = script.replace(old, new)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            pass_fds=[self.link],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"

    def pypisync(self, *words: str) -> str:
        """What a command of PypiSync says; it must end with exit code 0."""
        done = self.mirror.product.pypisync(*words, "--config", str(self.mirror.configuration))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def machine(product: Product, folder: Path, server: Server, **keys: str) -> Machine:
    """A mirror of ``a``, which needs ``b``, not yet filled."""
    about: dict[str, Any] = {
        "endpoint": server.url,
        "packages": {"a": ["latest"]},
        "disk_reserve": 0,
    }
    about |= {"environment": {"extra": []}, "upstream": {"pace": 0, "retries": 0}}
    mirror = Mirror(product, folder / "mirror", about | keys)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYPISYNC", "PG"))}
    shims = stand_ins(folder / "bin")
    program, link = forked.script(product.preloaded, "pypisync")
    (shims / "pypisync").write_text(program, encoding="utf-8")
    (shims / "pypisync").chmod(0o755)
    (shims / "systemctl").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (shims / "systemctl").chmod(0o755)
    path = f"{shims}:{own.get('PATH', os.defpath)}"
    return Machine(mirror, folder, own | {"PATH": path, "PYTHONWARNINGS": "error"}, link)


@pytest.fixture
def ours(world: World, server: Server, product: Product, tmp_path: Path) -> Machine:
    """A mirror of ``a``, which needs ``b``, filled."""
    publish(world, "1.0")
    filled = machine(product, tmp_path, server)
    filled.pypisync("sync")
    return filled


def publish(world: World, version: str) -> None:
    world.publish("a", version, requires=["b"])
    world.publish("b", version)


def needs(name: str) -> None:
    """Skip the test if this machine lacks the program."""
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} on this machine")


@pytest.mark.parametrize("left", ["nothing", "packages"])
def test_backup_and_restore_with_sqlite(ours: Machine, world: World, left: str) -> None:
    needs("sqlite3")
    needs("rsync")
    ours.run(block("how-to/backup.md", "sh", "sqlite3 "))
    ours.run(block("how-to/backup.md", "sh", "rsync -a /var"))
    publish(world, "2.0")
    ours.pypisync("sync")
    tree = ours.mirror.tree
    for path in [tree / "simple", *([tree / "packages"] if left == "nothing" else [])]:
        shutil.rmtree(path)
    tree.with_suffix(".sqlite").write_bytes(b"damaged")
    ours.run(block("how-to/backup.md", "sh", "install -o"))
    if left == "nothing":
        ours.run("rsync -a /backup/packages/ /var/lib/pypisync/data/packages/")
    restored(ours, world)


def test_backup_and_restore_with_postgresql(
    world: World, server: Server, product: Product, tmp_path: Path, postgres: Postgres
) -> None:
    needs("rsync")
    publish(world, "1.0")
    name = "pypisync"
    host = {"PGHOST": str(postgres.folder), "PGUSER": "postgres"}
    url = f"postgresql://postgres@/{name}?host={postgres.folder}"
    ours = machine(product, tmp_path, server, database=url)
    path = f"{postgres.programs}:{ours.environment['PATH']}"
    ours.environment = dict(ours.environment) | host | {"PATH": path}
    ours.run(f"createuser {name} && createdb --owner={name} {name}")
    try:
        ours.pypisync("sync")
        grants = block("how-to/postgresql.md", "text", "GRANT SELECT")
        ours.run(f"psql -v ON_ERROR_STOP=1 {name} <<'END'\n{grants}END")
        ours.run(
            block("how-to/backup.md", "sh", "pg_dump"),
            **{"postgresql://pypisync@localhost/pypisync": name},
        )
        ours.run(block("how-to/backup.md", "sh", "rsync -a /var"))
        publish(world, "2.0")
        ours.pypisync("sync")
        shutil.rmtree(ours.mirror.tree / "simple")
        ours.run(block("how-to/backup.md", "sh", "pg_restore"))
        restored(ours, world)
    finally:
        ours.run(f"dropdb --force {name} && dropuser {name} && dropuser analyst")


def restored(ours: Machine, world: World) -> None:
    """The mirror is as the backup was, is sound, and follows upstream again."""
    ours.run(block("how-to/backup.md", "sh", "verify --no-rehash --repair"))
    listed = "SELECT project, version FROM v_listed ORDER BY 1"
    assert ours.pypisync("query", listed).split() == ["a", "1.0", "b", "1.0"]
    ours.pypisync("verify")
    ours.pypisync("sync")
    assert ours.pypisync("query", listed).split() == ["a", "2.0", "b", "2.0"]
    ours.pypisync("verify")


def test_a_lost_database_costs_no_files(ours: Machine, server: Server) -> None:
    before, asked = tree_bytes(ours.mirror.tree), server.log.count("file")
    for path in ours.mirror.folder.glob("data.sqlite*"):
        path.unlink()
    ours.pypisync("sync")
    assert tree_bytes(ours.mirror.tree) == before
    assert server.log.count("file") == asked


def test_files_of_bandersnatch_are_taken_over(
    ours: Machine, server: Server, product: Product, tmp_path: Path
) -> None:
    """bandersnatch lays files where upstream does: so a mirror's own files stand in for them."""
    web = tmp_path / "bandersnatch/web"
    shutil.copytree(ours.mirror.tree / "packages", web / "packages")
    stray = web / "packages/00/11/22/other-1.0.tar.gz"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"not wanted here")
    asked = server.log.count("file")
    (tmp_path / "new").mkdir()
    new = machine(product, tmp_path / "new", server)
    new.run(
        block("how-to/from-bandersnatch.md", "sh", "cp -al"),
        **{"/srv/pypisync": str(new.mirror.folder), "/srv/pypi/web": str(web)},
    )
    assert server.log.count("file") == asked
    assert tree_bytes(new.mirror.tree).keys() - tree_bytes(ours.mirror.tree).keys() == {
        str(stray.relative_to(web))
    }
    new.run(block("how-to/from-bandersnatch.md", "sh", "verify --no-rehash"))
    assert tree_bytes(new.mirror.tree) == tree_bytes(ours.mirror.tree)
    new.pypisync("verify")


def test_a_copy_in_a_closed_network(
    ours: Machine, product: Product, server: Server, world: World, tmp_path: Path
) -> None:
    needs("rsync")
    needs("sqlite3")
    disk = tmp_path / "disk"
    disk.mkdir()
    for version in ("1.0", "2.0"):
        if version == "2.0":
            publish(world, version)
        ours.run(block("how-to/closed-network.md", "sh", "rsync -a --delete"), **media(disk))
        ours.run(block("how-to/closed-network.md", "sh", "sqlite3"), **media(disk))
        (tmp_path / version).mkdir()
        inside = machine(product, tmp_path / version, server)
        shutil.copytree(disk, inside.mirror.folder, dirs_exist_ok=True)
        inside.mirror.keys["endpoint"] = "http://127.0.0.1:9"
        inside.run(block("how-to/closed-network.md", "sh", "pypisync verify"))
        assert tree_bytes(inside.mirror.tree) == tree_bytes(ours.mirror.tree)


def media(disk: Path) -> Mapping[str, str]:
    return {"/media/disk/pypisync": str(disk)}


def test_a_bad_day_is_rolled_back(ours: Machine, world: World) -> None:
    publish(world, "2.0")
    ours.pypisync("sync")
    ours.folder = ours.mirror.folder  # the guide's commands find pypisync.json5 there
    numbers = {"41": "1", "42": "2", "45": "3"}
    listed = "SELECT version FROM v_listed WHERE project = 'a'"
    ours.run(block("how-to/bad-day.md", "sh", "pypisync generations"), **numbers)
    ours.run(block("how-to/bad-day.md", "sh", "pypisync rollback 41"), **numbers)
    ours.pypisync("sync")
    assert ours.pypisync("query", listed).split() == ["1.0"]
    ours.run(block("how-to/bad-day.md", "sh", "pypisync tag 41"), **numbers)
    assert ours.pypisync("query", "SELECT name FROM v_generation_names") == ""
    ours.run(block("how-to/bad-day.md", "sh", "pypisync plan"), **numbers)
    assert ours.pypisync("query", listed).split() == ["2.0"]


def test_the_tutorial(world: World, server: Server, product: Product, tmp_path: Path) -> None:
    world.publish("flask", "3.1", requires=["markupsafe"])
    tags = [f"cp3{minor}-cp3{minor}-manylinux_2_17_x86_64" for minor in range(11, 15)]
    world.publish("markupsafe", "3.0", wheels=tags)  # as the real one: none for all Pythons
    world.publish("requests", "2.32", extras={"socks": ["pysocks"]})
    world.publish("pysocks", "1.7")
    learner = machine(product, tmp_path, server)
    own = {".venv/bin/": "", "mirror.json5": f"{tmp_path}/mirror.json5"}
    learner.environment = dict(learner.environment) | {"PYPISYNC_ENDPOINT": server.url}
    learner.run(block("tutorial.md", "sh", "pypisync init"), **own)
    config = tmp_path / "mirror.json5"
    config.write_text(block("tutorial.md", "json5", "requests[socks]"), encoding="utf-8")
    learner.run(block("tutorial.md", "sh", "pypisync plan"), **own)
    learner.run(block("tutorial.md", "sh", "pypisync sync"), **own)
    asked = block("tutorial.md", "sh", "pypisync why ").splitlines()
    [why_not] = [line for line in asked if "why-not" in line]
    asked.remove(why_not)
    learner.run("\n".join(asked), **own)
    learner.run(f"! {why_not}", **own)  # the exit code says that it is not there
    with serve(tmp_path / "mirror", "html") as index:
        found = install("pip", index, tmp_path / "client", "flask", "requests[socks]")
    assert found.keys() == {"flask", "markupsafe", "requests", "pysocks"}


@pytest.fixture
def guarded(ours: Machine, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """nginx with the guide's TLS and passwords over the mirror; its address, and its authority."""
    needs("openssl")
    folder = tmp_path / "nginx"
    folder.mkdir()
    ours.run(AUTHORITY, FOLDER=str(folder))
    users = block("how-to/nginx.md", "sh", "openssl passwd")
    places = {"/etc/nginx": str(folder), "root:www-data": f"{os.getuid()}:{os.getgid()}"}
    ours.run(users.replace("openssl passwd -6", "openssl passwd -6 correct-horse"), **places)
    lines = block("how-to/nginx.md", "nginx", "ssl_certificate ")
    for old, new in {
        "/etc/ssl/certs/mirror.example.com.pem": f"{folder}/certificate",
        "/etc/ssl/private/mirror.example.com.key": f"{folder}/key",
        "/etc/nginx/pypisync.users": f"{folder}/pypisync.users",
    }.items():
        assert old in lines
        lines = lines.replace(old, new)
    with nginx_over(ours.mirror.tree, folder, lines) as address:
        yield address.replace("http://127.0.0.1", "localhost"), folder / "authority"


def test_nginx_with_tls_and_passwords(guarded: tuple[str, Path]) -> None:
    address, authority = guarded
    page = f"https://{address}/simple/a/"

    def status(auth: tuple[str, str] | None) -> int:
        return requests.get(page, auth=auth, verify=str(authority), timeout=10).status_code

    assert status(("alice", "correct-horse")) == 200
    assert status(("alice", "wrong")) == 401
    assert status(None) == 401
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(page, timeout=10)


def test_pip_and_uv_install_through_nginx_with_tls(
    guarded: tuple[str, Path], tmp_path: Path
) -> None:
    address, authority = guarded
    index = f"https://alice:correct-horse@{address}/simple/"
    found = install("pip", index, tmp_path / "pip", "a", "--cert", str(authority))
    assert found == {"a": "1.0", "b": "1.0"}
    command = [find_uv_bin(), "pip", "install", "--default-index", index, "--no-cache", "a"]
    target = ["--python", sys.executable, "--target", "target"]
    (tmp_path / "uv").mkdir()
    done = run([*command, *target], tmp_path / "uv", {"SSL_CERT_FILE": str(authority)})
    assert done.returncode == 0, done.stderr
