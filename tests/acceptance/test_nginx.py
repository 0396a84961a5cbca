"""The README's settings for nginx, in a real nginx, with real clients."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance import worlds
from tests.acceptance.clients import CLIENTS, Client, install
from tests.acceptance.product import ROOT, Mirror
from tests.acceptance.serving import JSON

NGINX = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")


@pytest.fixture(scope="module")
def nginx(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx with the README's settings, over the team's mirror."""
    folder = tmp_path_factory.mktemp("nginx")
    [settings] = re.findall(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = settings.replace("listen 80;", f"listen 127.0.0.1:{port};")
    settings = settings.replace("root /srv/pypisync/data;", f"root {mirror.tree};")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # The temporary folders of the tests are closed to the user that nginx would change to.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{settings}}}\n",
        encoding="utf-8",
    )
    command = [str(NGINX), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process, folder / "error")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.02)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_install(client: Client, nginx: str, tmp_path: Path) -> None:
    cooldown = {"pip": "--uploaded-prior-to", "uv": "--exclude-newer"}[client]
    options = [cooldown, "2025-07-01T00:00:00Z"]  # so it is the JSON page that they read
    found = install(client, f"{nginx}/simple/", tmp_path, "aged", *options)
    assert found == {"aged": "2.0", "ages": "0.2"}


def test_pages_by_what_the_client_accepts(nginx: str) -> None:
    address = f"{nginx}/simple/core/"
    as_json = requests.get(address, headers={"Accept": JSON}, timeout=10)
    assert as_json.headers["Content-Type"] == JSON
    assert as_json.headers["Content-Encoding"] == "gzip"
    assert "Accept" in as_json.headers["Vary"]
    assert as_json.headers["Cache-Control"] == "max-age=600"
    assert as_json.json()["name"] == "core"
    plain = requests.get(address, headers={"Accept": "text/html"}, timeout=10)
    assert plain.headers["Content-Type"] == "text/html"
    again = requests.get(address, headers={"If-None-Match": plain.headers["ETag"]}, timeout=10)
    assert again.status_code == 304


def test_what_is_not_there_is_404(nginx: str) -> None:
    for path in ("/simple/stranger/", "/packages/none.whl", "/pypisync.sqlite", "/.lock", "/"):
        assert requests.get(nginx + path, timeout=10).status_code == 404, path
    assert requests.get(f"{nginx}/simple/", timeout=10).status_code == 200


def test_files_are_for_ever_and_never_repacked(nginx: str) -> None:
    page = requests.get(f"{nginx}/simple/legacy/", headers={"Accept": JSON}, timeout=10).json()
    [file] = page["files"]
    address = f"{nginx}/simple/legacy/{file['url']}"
    answer = requests.get(address, headers={"Accept-Encoding": "gzip"}, timeout=10)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in answer.headers
    assert "immutable" in answer.headers["Cache-Control"]
    assert len(answer.content) == file["size"]
    assert page["name"] == "legacy"
    assert worlds.TOGETHER["legacy"] in file["filename"]
