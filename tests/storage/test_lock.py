"""One writer at a time, between real processes."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pypisync.errors import StorageError
from pypisync.storage import lock
from pypisync.storage.lock import writer_lock

HOLD = """
import sys
import threading
from pathlib import Path
from pypisync.storage.lock import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_it(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    with (
        pytest.raises(StorageError, match=rf"another sync is running \(pid {holder.pid}\)"),
        writer_lock(tmp_path),
    ):
        pytest.fail("two writers")
    holder.communicate()
    with writer_lock(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


def test_a_killed_holder_lets_go(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    with writer_lock(tmp_path):
        pass


def test_it_holds_within_one_process_and_after_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=f"pid {os.getpid()}"),
        writer_lock(tmp_path),
        writer_lock(tmp_path),
    ):
        pytest.fail("two writers")
    with writer_lock(tmp_path):
        pass


def test_the_mirrors_folder_is_made(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "new" / "mirror"):
        assert (tmp_path / "new/mirror/.lock").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), writer_lock(tmp_path / "file"):
        pytest.fail("no folder")


def test_who_looks_sees_the_holder_and_is_in_nobodys_way(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    assert lock.holder(tmp_path) == lock.Holder(holder.pid)
    holder.communicate()
    assert lock.holder(tmp_path) is None
    assert lock.holder(tmp_path / "nowhere") is None
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            lock.holder(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(200):
            with writer_lock(tmp_path, daemon=True):
                found = lock.holder(tmp_path)
                assert found is not None
                assert (found.pid, found.daemon, found.here) == (os.getpid(), True, True)
    finally:
        looking.set()
        thread.join()
