"""Groups as an operator meets them: ``sync``, ``why``, ``plan`` and the views."""

from pathlib import Path

from tests.cli.running import configure, invoke
from tests.sim.server import Server
from tests.sim.world import World


def digest(world: World, filename: str) -> str:
    return world.files[filename].built.sha256


def test_a_requirements_file_and_a_lock_file(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("app", "1.0", requires=["dep"], sdist=True)
    world.publish("app", "2.0", requires=["dep"])
    world.publish("dep", "1.0")
    (tmp_path / "team.txt").write_text("app[x]<2 ; os_name == 'posix'\n", encoding="utf-8")
    sdist, wheel = digest(world, "app-1.0.tar.gz"), digest(world, "app-2.0-py3-none-any.whl")
    (tmp_path / "frozen.txt").write_text(
        f"app==1.0 --hash=sha256:{sdist}\napp==2.0 --hash=sha256:{wheel} --hash=sha256:{'0' * 64}",
        encoding="utf-8",
    )
    files = ["team.txt", {"file": "frozen.txt", "resolve": False}]
    config = configure(tmp_path, server.url, requirements=files, sdists="never")

    planned = invoke(config, "plan", "--json")
    assert planned.code == 1  # for what the lock file names and upstream does not have
    by_root = {one["root"]: one["files"] for one in planned.json["roots"]}
    assert by_root == {"group:frozen.txt": 1, "group:team.txt": 1, None: 2}

    assert invoke(config, "sync").code == 1
    failed = f"app==2.0 sha256:{'0' * 64}: frozen.txt names it, and upstream has no such file"
    assert failed.partition(": ")[0] in invoke(config, "status").out
    assert invoke(config, "query", "SELECT filename FROM v_listed ORDER BY 1").lines == [
        *(["app-1.0-py3-none-any.whl"], ["app-1.0.tar.gz"], ["app-2.0-py3-none-any.whl"]),
        ["dep-1.0-py3-none-any.whl"],
    ]
    assert invoke(config, "why", "app==2").out == '"frozen.txt" names app 2.0 -> app 2.0\n'
    asked = '"team.txt" asks for app[x] "latest<2" -> '
    named = '"frozen.txt" names app 1.0 -> app 1.0'
    assert invoke(config, "why", "app==1").out == f"{asked}app 1.0\n{named}\n"
    assert invoke(config, "why", "dep").out.startswith(asked)
    named = "SELECT lock_file, version, found FROM v_named WHERE found IS NULL"
    assert invoke(config, "query", named).lines == [["frozen.txt", "2.0", ""]]
    # What only the groups called for is planned to go, and goes.
    world.publish("other", "1.0")
    config = configure(tmp_path, server.url, packages={"other": ["latest"]})
    assert invoke(config, "plan", "--json").json["remove"]["files"] == 4
    assert invoke(config, "sync").code == 0
    assert invoke(config, "query", "SELECT project FROM v_listed").lines == [["other"]]
