"""Several serving processes: one address, one answer, none of them left behind."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import requests
from msgspec.structs import replace

from pypisync.web import counts
from pypisync.web.workers import Workers
from tests.acceptance.fronts import free_port
from tests.cli.running import command, configure, environ
from tests.daemon.process import until
from tests.web.sites import Site, small_world
from tests.web.test_health import figures


def children(parent: int) -> set[int]:
    """The processes that it has started and that are not over."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, of = (process / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == parent and state != "Z":
            found.add(int(process.name))
    return found


def test_counts_are_of_all_processes() -> None:
    descriptor = counts.shared(2)
    first, second = (counts.Counts(descriptor, row, 2) for row in range(2))
    first.add("file", 200)
    second.add("file", 200)
    second.add("other", 404)
    again = counts.Counts(descriptor, 1, 2)  # in the place of one that has ended
    again.add("other", 404)
    os.close(descriptor)
    expected = [("file", 200, 2), ("other", 404, 2)]
    assert list(first.sums()) == list(again.sums()) == expected
    with pytest.raises(KeyError):
        first.add("file", 201)


def test_a_serving_process_imports_nothing_that_it_does_not_need() -> None:
    """There are several of them, and each start costs what they import."""
    code = (
        "import sys\nimport pypisync.web.worker\n"
        "heavy = {'alembic', 'json5', 'pydantic', 'requests', 'rich', 'sqlalchemy',\n"
        "         'pypisync.config.load'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, env=environ(), check=False)
    assert done.returncode == 0, done.stderr


def test_whichever_process_answers_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", environ()["PYTHONPATH"])
    site = Site(tmp_path, small_world())
    site.bench.sync()
    others = children(os.getpid())  # of other tests, which go on
    with Workers(3) as workers:
        site.address = workers.serve(site.config) or ""
        before = children(os.getpid()) - others
        assert len(before) == 3
        for _ in range(30):  # a connection each
            assert site.get("/simple/a-b/").status_code == 200
        for _ in range(10):
            found = figures(site.get("/metrics").text)
            assert found["pypisync_http_requests_total project 200"] == 30
            assert site.get("/readyz").json()["completed"] == site.bench.clock
        # The same once more is nothing new, and one that ends is replaced.
        assert workers.serve(replace(site.config, listen=site.config.listen)) is None
        assert children(os.getpid()) - others == before
        victim = max(before)
        os.kill(victim, signal.SIGKILL)
        [code] = until(workers.look, "the end of a serving process")
        assert code == -signal.SIGKILL
        for _ in range(20):
            assert site.get("/simple/a-b/").status_code == 200
        assert figures(site.get("/metrics").text)["pypisync_http_requests_total project 200"] == 50
        assert len(children(os.getpid()) - others - before) == 1
    assert not children(os.getpid()) & before


def test_a_changed_mirror_is_served_at_the_same_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", environ()["PYTHONPATH"])
    config = replace(Site(tmp_path, small_world()).config, listen=("127.0.0.1", free_port()))
    for name in ("data", "other"):
        (tmp_path / name / "simple").mkdir(parents=True)
        (tmp_path / name / "simple/index.html").write_text(name)
    with Workers(2) as workers, requests.Session() as session:
        url = f"{workers.serve(config)}/simple/"
        assert session.get(url, timeout=20).text == "data"
        assert workers.serve(replace(config, destination=tmp_path / "other")) is None
        assert session.get(url, timeout=20).text == "other"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_serving_processes_end_with_the_one_that_started_them(
    tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    (tmp_path / "data/simple").mkdir(parents=True)
    (tmp_path / "data/simple/index.html").write_text("index")
    config = configure(tmp_path, listen=f"127.0.0.1:{port}")
    with subprocess.Popen(
        command(config, "serve"), env=environ(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        with closing(requests.get(f"http://127.0.0.1:{port}/simple/", timeout=20)) as answer:
            assert answer.text == "index"
        serving = children(process.pid)
        assert serving
        process.send_signal(number)
        assert process.wait(20) == -number
        until(lambda: not any(alive(pid) for pid in serving), "their end")


def alive(pid: int) -> bool:
    """Whether there is such a process; one that nobody waits for is over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
