"""The server's life: addresses, a sync beside it, and its end."""

import signal
import socket
import subprocess
from pathlib import Path
from threading import Thread

import pytest
import requests
from msgspec.structs import replace

from pypisync.errors import ConfigError
from pypisync.web.sockets import bound
from pypisync.web.workers import Workers
from tests.cli.running import command, configure, environ, invoke
from tests.sim.world import World
from tests.web.sites import Site, serving, small_world


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_without_an_address_nothing_is_served(tmp_path: Path, world: World) -> None:
    with Workers() as workers:
        assert workers.serve(replace(Site(tmp_path, world).config, listen=None)) is None
        assert workers.look() == []
    done = invoke(tmp_path / "pypisync.json5", "serve")
    assert done.code == 2
    assert 'add listen: "127.0.0.1:8080"' in done.err


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for number in (1, 2):
            with pytest.raises(ConfigError, match=r'^listen: "127.0.0.1:\d+": cannot be .*: Addr'):
                bound("127.0.0.1", port, number)
    with pytest.raises(ConfigError, match="cannot be served at"):
        bound("no.such.host.invalid", 80)


def test_processes_share_an_address_that_nobody_else_gets() -> None:
    sockets = bound("127.0.0.1", 0, 3)
    [port] = {listener.getsockname()[1] for listener in sockets}
    with pytest.raises(ConfigError, match="Address already in use"):
        bound("127.0.0.1", port, 2)
    for listener in sockets:
        listener.close()


@pytest.mark.parametrize("host", ["", "::1", "localhost"])
def test_other_addresses(tmp_path: Path, world: World, host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with serving(replace(Site(tmp_path, world).config, listen=(host, 0))) as address:
        port = address.rpartition(":")[2]
        hosts = {"": ["127.0.0.1", "[::1]"], "::1": ["[::1]"], "localhost": ["localhost"]}[host]
        for name in hosts:
            answer = requests.get(f"http://{name}:{port}/healthz", timeout=10)
            assert answer.json() == {"alive": True}


def test_a_sync_beside_it(tmp_path: Path) -> None:
    site = Site(tmp_path, small_world())
    with site.running():
        assert site.get("/readyz").status_code == 503
        thread = Thread(target=site.bench.sync)
        thread.start()
        answers = []
        while thread.is_alive():
            answers.append(site.get("/simple/a-b/").status_code)
        thread.join()
        assert set(answers) <= {200, 404}
        assert answers == sorted(answers, reverse=True)  # missing, then there, and never back
        assert site.get("/simple/a-b/").status_code == 200


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)]
)
def test_the_command_serves_until_it_is_stopped(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    address = f"127.0.0.1:{free_port()}"
    config = configure(tmp_path, listen=address)
    (tmp_path / "data/simple").mkdir(parents=True)
    (tmp_path / "data/simple/index.html").write_text("index")
    with subprocess.Popen(
        command(config, "serve"), env=environ(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"serving http://{address}\n"
        with requests.Session() as session:  # an open connection keeps nothing from ending
            assert session.get(f"http://{address}/simple/", timeout=20).text == "index"
            process.send_signal(number)
            assert process.wait(20) == code
        assert process.stderr.read() == f"stopping, by {number.name}\n"


def test_nothing_waits_for_an_acknowledgement() -> None:
    [listener] = bound("127.0.0.1", 0)
    with listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
