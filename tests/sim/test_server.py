"""The simulated index over HTTP: as PyPI answers, and as pip and uv find it."""

import json
import os
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.sim.documents import HTML_V1, JSON_V1
from tests.sim.routes import negotiated
from tests.sim.server import Server
from tests.sim.world import World


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def page(http: requests.Session, server: Server, name: str) -> dict[str, Any]:
    reply = http.get(f"{server.url}/simple/{name}/", headers={"Accept": JSON_V1})
    assert reply.status_code == 200
    found: dict[str, Any] = reply.json()
    return found


def proxy(server: Server) -> xmlrpc.client.ServerProxy:
    return xmlrpc.client.ServerProxy(f"{server.url}/pypi", allow_none=True)


def fault(call: Any, *params: object) -> tuple[int, str]:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        call(*params)
    return caught.value.faultCode, caught.value.faultString


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (f"{JSON_V1}, {HTML_V1}; q=0.1, text/html; q=0.01", JSON_V1),
        (f"{JSON_V1};q=0.2, {HTML_V1};q=0.3", HTML_V1),
        ("*/*", "text/html"),
        ("application/json", "text/html"),
    ],
)
def test_negotiation(accept: str, kind: str) -> None:
    assert negotiated(accept) == kind


def test_simple_pages(world: World, server: Server, http: requests.Session) -> None:
    world.publish("Foo_Bar", "1.0", requires_python="<4", wheels=["py3-none-any", "cp31-abi3-any"])
    world.publish("Foo_Bar", "1.1", metadata=False)
    world.yank("foo-bar", "1.1")
    found = page(http, server, "foo-bar")
    assert found["meta"] == {"_last-serial": world.serial, "api-version": "1.4"}
    assert (found["name"], found["versions"]) == ("foo-bar", ["1.0", "1.1"])
    assert found["project-status"] == {"status": "active"}
    first, _, last = found["files"]
    assert first["core-metadata"] == first["data-dist-info-metadata"]
    assert first["url"].startswith(f"{server.url}/packages/")
    assert (first["yanked"], first["requires-python"]) == (False, "<4")
    assert (last["yanked"], last["core-metadata"], last["requires-python"]) == (True, False, None)
    html = http.get(f"{server.url}/simple/Foo.Bar")
    assert [reply.status_code for reply in html.history] == [301]
    assert html.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert html.headers["X-PyPI-Last-Serial"] == str(world.serial)
    assert 'data-requires-python="&lt;4"' in html.text
    assert html.text.count('data-yanked=""') == 1
    assert f"<!--SERIAL {world.serial}-->" in html.text


def test_root(world: World, server: Server, http: requests.Session) -> None:
    world.publish("B", "1")
    world.create("empty")
    world.publish("bad", "1")
    world.quarantine("bad")
    root = http.get(f"{server.url}/simple/", headers={"Accept": JSON_V1}).json()
    assert root["meta"]["_last-serial"] == world.serial
    assert [project["name"] for project in root["projects"]] == ["B", "empty"]
    assert root["projects"][0]["_last-serial"] == world.project("b").serial
    assert server.requests("root") == 1


def test_the_legacy_api(world: World, server: Server, http: requests.Session) -> None:
    world.publish("a", "1.0", requires=["x"], claim=["y>=1"], extras={"e": ["z"]})
    world.publish("a", "2.0", sdist_metadata="dynamic", wheels=(), sdist=True)
    world.publish("a", "3.0a1")
    world.publish("a", "4.0")
    world.yank("a", "4.0")
    world.add_file("a", "old-style", "a-old-style.zip", b"zip")
    whole = http.get(f"{server.url}/pypi/A/json")
    assert [reply.status_code for reply in whole.history] == [301]
    found = whole.json()
    assert found["last_serial"] == int(whole.headers["X-PyPI-Last-Serial"]) == world.serial
    assert found["info"]["version"] == "2.0"
    assert found["info"]["requires_dist"] is None
    assert found["info"]["dynamic"] == ["Requires-Dist", "Provides-Extra"]
    assert set(found["releases"]) == {"1.0", "2.0", "3.0a1", "4.0", "old-style"}
    assert found["releases"]["4.0"][0]["yanked_reason"] is None
    one = http.get(f"{server.url}/pypi/a/1/json/").json()
    assert "releases" not in one
    assert one["info"]["requires_dist"] == ["y>=1"]
    world.faults.releases_key = False
    assert "releases" not in http.get(f"{server.url}/pypi/a/json").json()
    assert (server.requests("json"), server.requests("json_release")) == (3, 1)


def test_what_404_means(world: World, server: Server, http: requests.Session) -> None:
    world.create("empty")
    world.publish("bad", "1")
    world.quarantine("bad")
    for name in ("empty", "bad", "never"):
        reply = http.get(f"{server.url}/pypi/{name}/json")
        assert reply.status_code == 404
        assert "X-PyPI-Last-Serial" not in reply.headers
    assert page(http, server, "empty")["files"] == []
    assert page(http, server, "bad")["project-status"] == {"status": "quarantined"}
    assert http.get(f"{server.url}/simple/never/").status_code == 404


def test_xmlrpc(world: World, server: Server) -> None:
    with proxy(server) as call:
        start: Any = call.changelog_last_serial()
        assert start == world.serial
        world.publish("Fo<o", "1.0")
        world.row(None, None, "add Owner jos\u00e9 & co")
        rows: Any = call.changelog_since_serial(start)
        assert rows[0] == ["Fo<o", None, 1767225601, "create", start + 1]
        assert rows[-1] == [None, None, 1767225601, "add Owner jos&#233; & co", world.serial]
        assert call.changelog_since_serial(world.serial) == []
        assert call.list_packages_with_serial() == {"Fo<o": world.serial - 1}
        assert fault(call.changelog_since_serial, "x")[0] == -32602
        assert fault(call.changelog_since_serial)[0] == -32602
        code, text = fault(call.release_data, "a", "1")
        assert (code, text.split(":")[0]) == (-32500, "RuntimeError")
        assert fault(call.nonsense)[0] == -32601
        world.faults.rate_limit(1, seconds=3)
        code, text = fault(call.changelog_last_serial)
        assert code == -32500
        assert text.endswith("Limit may reset in 3 seconds.")
        assert call.changelog_last_serial() == world.serial
    assert {entry.status for entry in server.log.entries} == {200}
    assert server.requests("xmlrpc") == 10


def test_the_changelog_comes_in_pages() -> None:
    world = World(page_rows=7)
    world.noise(20, projects=4)
    with Server(world) as server, proxy(server) as call:
        since, sizes = 0, []
        while rows := call.changelog_since_serial(since):
            assert isinstance(rows, list)
            sizes.append(len(rows))
            since = rows[-1][4]
    assert sizes == [7, 7, 6]


def test_xmlrpc_refuses_what_is_no_call(server: Server, http: requests.Session) -> None:
    reply = http.post(f"{server.url}/RPC2", b"<no", headers={"Content-Type": "text/xml"})
    assert b"-32700" in reply.content
    assert http.post(f"{server.url}/pypi/", b"x").status_code == 404


def test_files(world: World, server: Server, http: requests.Session) -> None:
    world.publish("a", "1", size_padding=5000)
    [stored] = world.files.values()
    content, url = stored.built.content, server.url + stored.path
    assert http.get(url).content == content
    assert http.get(url + ".metadata").content == stored.metadata
    head = http.head(url)
    assert (head.headers["Content-Length"], head.content) == (str(len(content)), b"")
    for wanted, status, bytes_ in [
        ("bytes=10-19", 206, content[10:20]),
        ("bytes=4000-", 206, content[4000:]),
        ("bytes=-5", 206, content[-5:]),
        (f"bytes={len(content)}-", 416, b""),
        ("lines=1-2", 200, content),
    ]:
        reply = http.get(url, headers={"Range": wanted})
        assert (reply.status_code, reply.content) == (status, bytes_)
    late = http.get(url, headers={"Range": "bytes=9-", "If-Range": '"other"'})
    assert late.status_code == 200
    world.faults.no_range()
    assert http.get(url, headers={"Range": "bytes=10-19"}).content == content
    assert http.get(url.replace("/packages/", "/packages/0")).status_code == 404
    world.remove_project("a")
    assert http.get(url).status_code == 200


def test_entity_tags_and_gzip(world: World, server: Server, http: requests.Session) -> None:
    world.publish("a", "1", wheels=["py3-none-any", "cp31-abi3-win32", "cp32-abi3-win32"])
    url = f"{server.url}/simple/a/"
    first = http.get(url, headers={"Accept-Encoding": "gzip"})
    assert first.headers["Content-Encoding"] == "gzip"
    plain = http.get(url, headers={"Accept-Encoding": "identity"})
    assert (plain.text, plain.headers["ETag"]) == (first.text, first.headers["ETag"])
    again = http.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    world.archive("a")
    assert http.get(url, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
    world.faults.etags = False
    assert "ETag" not in http.get(url).headers


def test_faults_break_connections(world: World, server: Server, http: requests.Session) -> None:
    world.publish("a", "1")
    url = f"{server.url}/simple/a/"
    world.faults.fail("/simple/a/", "drop", times=1)
    world.faults.fail("/simple/a/", "truncate", times=1)
    for _ in range(2):
        with pytest.raises(requests.RequestException):
            http.get(url)
    world.faults.fail("*", "hang", times=1)
    with pytest.raises(requests.Timeout):
        http.get(url, timeout=0.05)
    world.faults.fail("*", "slow", times=1, seconds=0.01)
    world.faults.fail("*", 429, times=1)
    assert http.get(url).status_code == 200
    assert http.get(url).headers["Retry-After"] == "0"
    world.faults.body("*", b"no gzip", 1, headers={"Content-Encoding": "gzip"})
    with pytest.raises(requests.RequestException):
        http.get(url)
    world.faults.corrupt("*")
    assert b"<html" not in http.get(url).content
    world.heal()
    assert b"<html" in http.get(url).content


def test_whole_protocols_can_be_switched_off(
    world: World, server: Server, http: requests.Session
) -> None:
    world.publish("a", "1")
    faults = world.faults
    faults.simple_json = False
    reply = http.get(f"{server.url}/simple/a/", headers={"Accept": JSON_V1})
    assert reply.headers["Content-Type"].startswith("text/html")
    faults.simple = faults.json_api = faults.xmlrpc = False
    for path in ("simple/", "simple/a/", "pypi/a/json", "pypi/a/1/json"):
        assert http.get(f"{server.url}/{path}").status_code == 404
    with proxy(server) as call, pytest.raises(xmlrpc.client.ProtocolError):
        call.changelog_last_serial()


def test_requests_may_come_in_pieces_and_in_a_row(world: World, server: Server) -> None:
    world.publish("a", "1")
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as raw:
        raw.sendall(b"GET /simple/a/ HT")
        raw.sendall(b"TP/1.1\r\nHost: x\r\n\r\nHEAD /simple/ HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.sendall(b"GET /simple/b/ HTTP/1.1\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: raw.recv(65536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.count(b"HTTP/1.1 404 Not Found") == 1
    assert server.log.paths() == ["/simple/a/", "/simple/", "/simple/b/"]


def pip(server: Server, home: Path, *arguments: str) -> str:
    """Run pip with this index and nothing else: no configuration, no cache, no other index."""
    options = ["--disable-pip-version-check", f"--index-url={server.url}/simple/"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, *options],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pip_installs_wheels_and_builds_sdists(
    world: World, server: Server, tmp_path: Path
) -> None:
    world.publish_setuptools_like()
    world.publish("tool", "1.0")
    world.publish("base", "1.0", wheels=(), sdist=True)
    world.publish("base", "2.0", requires_python=">=4")
    world.publish("mid", "1.5", requires=["base"], wheels=(), sdist=True, build_requires=["tool"])
    world.publish("top", "1.0", requires=["mid>=1"], extras={"x": ["tool"]})
    target = tmp_path / "target"
    pip(server, tmp_path, "install", f"--target={target}", "top[x]")
    assert {path.name for path in target.glob("*.py")} == {
        "base.py",
        "mid.py",
        "top.py",
        "tool.py",
    }
    assert (target / "base.py").read_text() == "version = '1.0'\n"
    assert server.requests("metadata") > 0


def test_pip_downloads_by_upload_time(world: World, server: Server, tmp_path: Path) -> None:
    world.publish("a", "1.0", uploaded="2020-01-01")
    world.publish("a", "2.0", uploaded="2024-01-01")
    target = tmp_path / "target"
    pip(server, tmp_path, "download", f"--dest={target}", "--uploaded-prior-to=2022-01-01", "a")
    assert [path.name for path in target.iterdir()] == ["a-1.0-py3-none-any.whl"]


def test_it_runs_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.sim.server", "--world", "tests.sim.world:World"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().strip()
        assert process.stdin is not None
        with process.stdin as control:
            control.write('["publish", ["a", "1.0"]]\n')
            control.flush()
            assert json.loads(output.readline())["serial"] == 1003
            with requests.get(f"{url}/simple/a/", timeout=10) as reply:
                assert reply.headers["X-PyPI-Last-Serial"] == "1003"
            control.write('["yank", ["a", "1.0"], {"reason": "bad"}]\n')
            control.flush()
            said = json.loads(output.readline())
            assert (said["serial"], said["requests"]) == (1004, {"simple": 1})
            assert said["bytes"] > int(reply.headers["Content-Length"])
    assert process.wait(10) == 0
