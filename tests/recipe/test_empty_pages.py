"""Pages that answer with 200 and show nothing of their project: they remove nothing at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.routes import Settings
from tests.recipe.mirrors import Bench
from tests.recipe.test_vanishing import NAMES, ROOTS
from tests.sim.faces import FACES
from tests.sim.server import Server
from tests.sim.world import World

FACE = {face.name: face for face in FACES}
LOGIN = '<!doctype html><html><title>Sign in</title><form></form><a href="{}">x</a></html>'
SHOWN: dict[str, dict[str, Any]] = {
    "versions without files": {"files": [], "versions": ["1.0"]},
    "files of another project": {
        "files": [{"filename": "z-1.0.tar.gz", "url": "http://x.test/z-1.0.tar.gz", "hashes": {}}]
    },
    "entries that cannot be read": {"files": [{"error": "storage"}]},
    "no entry": {"files": []},
}


def mirrored(folder: Path, server: Server) -> Bench:
    """All projects of an index without a feed."""
    root = server.url + server.face.folder
    upstream = HttpUpstream(
        Settings(server.url, retries=0, root=root, has_api=False), sleep=lambda _: None
    )
    bench = Bench(folder, upstream, ROOTS)
    assert bench.sync().failed == {}
    assert len(bench.listed()) == 8
    return bench


@pytest.mark.parametrize("link", ["/static/client.exe", "/openapi.json", "/app/app-1.0.tar.gz"])
def test_a_page_that_asks_to_log_in_may_have_links(link: str, tmp_path: Path, world: World) -> None:
    for name in NAMES:
        world.publish(name, "1.0")
    with Server(world, face=FACE["gitlab"]) as server:
        bench = mirrored(tmp_path, server)
        login = LOGIN.format(link).encode()
        world.faults.body("*", login, headers={"Content-Type": "text/html", "ETag": '"x"'})
        for _ in range(3):
            assert bench.sync().failed.keys() >= set(NAMES)
            assert len(bench.listed()) == 8


@pytest.mark.parametrize("how", SHOWN)
def test_a_page_that_shows_nothing_of_its_project(how: str, tmp_path: Path, world: World) -> None:
    for name in NAMES:
        world.publish(name, "1.0")
    with Server(world, face=FACE["codeartifact"]) as server:
        bench = mirrored(tmp_path, server)
        for name in NAMES:
            page = {"meta": {"api-version": "1.1"}, "name": name, **SHOWN[how]}
            sent = {"Content-Type": "application/vnd.pypi.simple.v1+json", "ETag": '"x"'}
            world.faults.body(f"*/{name}/", json.dumps(page).encode(), headers=sent)
        for _ in range(3):
            assert bench.sync().failed.keys() >= set(NAMES)
            assert len(bench.listed()) == 8
