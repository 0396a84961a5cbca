"""Downloads become files only when they are whole, and never leave the pool."""

import hashlib
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.errors import Malformed, NoRoom, StorageError
from pypisync.storage import disk
from pypisync.storage.pool import Pool
from pypisync.upstream.api import Deposit, FileAsk
from tests.deep import scaled

DATA = b"spam and eggs " * 1000
LEAF = "packages/aa/bb/" + "c" * 60


def ask(name: str = "spam-1.0.tar.gz", data: bytes = DATA, **changes: Any) -> FileAsk:
    values: dict[str, Any] = {
        "path": f"{LEAF}/{name}",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }
    return FileAsk("http://upstream.test/x", **(values | changes))


def put(pool: Deposit, wanted: FileAsk, data: bytes = DATA) -> None:
    part = pool.part(wanted)
    part.write(data)
    part.commit()
    part.close()


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_a_pool_is_where_upstream_deposits(tmp_path: Path) -> None:
    deposit: Deposit = Pool(tmp_path)
    put(deposit, ask())
    assert (tmp_path / ask().path).read_bytes() == DATA


def test_a_committed_file_is_there_and_can_be_read_by_others(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        pool = Pool(tmp_path / "mirror")
        put(pool, ask())
        pool.flush()
    finally:
        os.umask(old)
    place = pool.absolute(ask().path)
    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    while place != tmp_path:
        place = place.parent
        assert place == tmp_path or stat.S_IMODE(place.stat().st_mode) == 0o755
    assert pool.has(ask().path, len(DATA))
    assert pool.has(ask().path, None)
    assert not pool.has(ask().path, 1)
    assert pool.read(ask().path, len(DATA)) == DATA
    assert files_below(tmp_path / "mirror") == [ask().path]


def test_an_interrupted_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    part = Pool(tmp_path).part(ask())
    part.write(DATA[:5000])
    part.close()
    assert not Pool(tmp_path).has(ask().path, None)
    again = Pool(tmp_path).part(ask())
    assert again.offset == 5000
    again.write(DATA[5000:])
    again.commit()
    assert Pool(tmp_path).read(ask().path, 10**6) == DATA
    assert list((tmp_path / ".partial").iterdir()) == []


def test_a_whole_part_needs_only_a_commit(tmp_path: Path) -> None:
    part = Pool(tmp_path).part(ask())
    part.write(DATA)
    part.close()
    again = Pool(tmp_path).part(ask())
    assert again.offset == len(DATA)
    again.commit()
    assert Pool(tmp_path).has(ask().path, len(DATA))


def test_what_an_earlier_try_left_is_hashed(tmp_path: Path) -> None:
    part = Pool(tmp_path).part(ask())
    part.write(b"x" * 100)
    part.close()
    again = Pool(tmp_path).part(ask())
    again.write(DATA[100:])
    with pytest.raises(Malformed, match="SHA-256"):
        again.commit()
    assert Pool(tmp_path).part(ask()).offset == 0


def test_a_part_longer_than_the_file_starts_again(tmp_path: Path) -> None:
    part = Pool(tmp_path).part(ask(size=None))
    part.write(DATA + b"more")
    part.close()
    again = Pool(tmp_path).part(ask())
    assert again.offset == 0
    again.write(DATA)
    again.commit()


def test_restart_forgets(tmp_path: Path) -> None:
    part = Pool(tmp_path).part(ask())
    part.write(DATA[:100])
    part.restart()
    assert part.offset == 0
    part.write(DATA)
    part.commit()
    assert Pool(tmp_path).read(ask().path, 10**6) == DATA


@pytest.mark.parametrize("sent", [b"", DATA[:-1]])
def test_too_few_bytes_are_refused_and_forgotten(tmp_path: Path, sent: bytes) -> None:
    pool = Pool(tmp_path)
    part = pool.part(ask())
    part.write(sent)
    with pytest.raises(Malformed, match="upstream states"):
        part.commit()
    part.close()
    assert files_below(tmp_path) == []
    assert not pool.has(ask().path, None)


def test_too_many_bytes_are_refused_as_they_come(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    part = pool.part(ask())
    part.write(DATA)
    with pytest.raises(Malformed, match="more than"):
        part.write(b"!")
    part.close()
    assert files_below(tmp_path) == []


def test_without_a_stated_hash_or_size_anything_goes(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    put(pool, ask(sha256="", size=None), b"whatever")
    assert pool.read(ask().path, 100) == b"whatever"


def test_a_newer_file_replaces_an_older_one(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    put(pool, ask())
    put(pool, ask(data=b"new"), b"new")
    assert pool.read(ask().path, 100) == b"new"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "packages",
        "packages/",
        "/etc/passwd",
        "../packages/x",
        "packages/../x",
        "packages/aa/../../../etc/passwd",
        "packages//x",
        "packages/./x",
        "simple/spam/index.html",
        "packages/aa/x\0y",
        "packages/aa/x\ny",
        "packages/aa/\ud800",
        "packages/aa/" + "x" * 256,
    ],
)
def test_no_path_leaves_the_pool(tmp_path: Path, path: str) -> None:
    pool = Pool(tmp_path / "mirror")
    for act in (
        lambda: pool.part(ask(path=path)),
        lambda: pool.has(path, None),
        lambda: pool.read(path, 10),
        lambda: pool.absolute(path),
        lambda: pool.delete([path]),
    ):
        with pytest.raises(Malformed, match="not a path below packages"):
            act()
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=scaled(200))
@given(st.lists(st.sampled_from(["..", ".", "", "packages", "a", "/", "\0", "b/.."])).map("/".join))
def test_an_accepted_path_is_below_packages(
    tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    root = tmp_path_factory.getbasetemp()
    try:
        place = Pool(root).absolute(path)
    except Malformed:
        return
    assert place.resolve().is_relative_to(root.resolve() / "packages")


def test_a_link_is_not_a_file_of_the_pool(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    place = pool.absolute(ask().path)
    place.parent.mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    place.symlink_to(secret)
    assert not pool.has(ask().path, len(DATA))
    with pytest.raises(StorageError, match="missing"):
        pool.read(ask().path, 10**6)
    put(pool, ask(data=b"new"), b"new")
    assert secret.read_bytes() == DATA
    assert not place.is_symlink()


def test_reading_is_limited(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    put(pool, ask())
    with pytest.raises(Malformed, match="longer than 10 bytes"):
        pool.read(ask().path, 10)
    with pytest.raises(StorageError, match="run the check"):
        pool.read(f"{LEAF}/other", 10)
    with pytest.raises(StorageError):
        pool.read(LEAF, 10)  # a folder


def test_the_reserve_stays_free(tmp_path: Path) -> None:
    free = disk.free(tmp_path)
    with pytest.raises(NoRoom, match=r"0 B is free above disk_reserve \(.*\): free space, lower"):
        Pool(tmp_path, reserve=free * 2).part(ask())
    with pytest.raises(NoRoom, match=r"does not fit the disk: it takes 454.7 TiB, .* free above"):
        Pool(tmp_path).part(ask(size=500 * 10**12))
    assert list((tmp_path / disk.PARTIAL).iterdir()) == []
    # What other downloads under way still need counts too.
    pool = Pool(tmp_path)
    first = pool.part(ask("a.whl", size=free * 2 // 3))
    with pytest.raises(NoRoom):
        pool.part(ask("b.whl", size=free * 2 // 3))
    pool.part(ask("c.whl", size=1000)).close()  # a smaller one fits
    first.close()
    pool.part(ask("b.whl", size=free * 2 // 3)).close()


def test_the_reserve_is_looked_at_while_bytes_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(tmp_path, reserve=1)
    part = pool.part(ask(size=None))
    block = b"x" * 2**20
    monkeypatch.setattr(disk, "free", lambda folder: 0)  # the disk filled up meanwhile
    for _ in range(16):
        part.write(block)
    with pytest.raises(NoRoom, match="its size is not known, and 0 B is free above disk_reserve"):
        part.write(block)
    assert part.offset == 16 * 2**20


def test_a_full_disk_says_what_to_do_and_keeps_the_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(tmp_path)
    part = pool.part(ask())
    part.write(DATA[:100])
    with Path("/dev/full").open("wb", buffering=0) as full:
        descriptor = part._descriptor
        part._descriptor = full.fileno()
        with pytest.raises(StorageError, match="No space left on device: free space"):
            part.write(DATA[100:])
        part._descriptor = descriptor
    assert part.offset == 100
    part.close()
    assert Pool(tmp_path).part(ask()).offset == 100


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="folder is wanted"):
        Pool(tmp_path / "file" / "mirror").part(ask())
    (tmp_path / "packages").write_text("in the way")
    pool = Pool(tmp_path)
    part = pool.part(ask())
    part.write(DATA)
    with pytest.raises(StorageError, match="folder is wanted"):
        part.commit()
    (tmp_path / "packages").unlink()
    pool.part(ask()).commit()  # nothing was lost
    assert pool.has(ask().path, len(DATA))


def test_delete_removes_files_and_emptied_folders_only(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    other = ask(path="packages/aa/dd/eggs.whl")
    put(pool, ask())
    put(pool, other)
    assert pool.delete([ask().path, f"{LEAF}/never-there.whl"]) == len(DATA)
    assert files_below(tmp_path) == [other.path]
    assert not (tmp_path / "packages/aa/bb").exists()
    assert pool.delete([other.path]) == len(DATA)
    assert list((tmp_path / "packages").iterdir()) == []
    assert pool.delete([other.path]) == 0
    pool.flush()
    put(pool, ask())  # folders come back
    assert pool.has(ask().path, None)


def test_delete_finishes_what_a_crash_began(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    (tmp_path / "packages/aa/bb").mkdir(parents=True)
    pool.delete([ask().path])
    assert list((tmp_path / "packages").iterdir()) == []


def test_sweep_keeps_what_is_wanted_or_open(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    assert pool.sweep() == 0
    for name in ("keep.whl", "drop.whl"):
        part = pool.part(ask(name))
        part.write(DATA[:100])
        part.close()
    (tmp_path / ".partial/abc.gone").mkdir()
    (tmp_path / ".partial/abc.gone/index.html").write_text("x")
    under_way = pool.part(ask("open.whl"))
    under_way.write(DATA[:100])
    assert pool.sweep({ask("keep.whl").path}) == 101
    assert pool.part(ask("keep.whl")).offset == 100
    assert pool.part(ask("drop.whl")).offset == 0
    under_way.write(DATA[100:])
    under_way.commit()


def test_threads_deposit_side_by_side(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    asks = [
        ask(data=bytes([i]) * 50_000, path=f"packages/{i % 3:02}/aa/{i:060}/f.whl")
        for i in range(24)
    ]

    def work(mine: list[FileAsk]) -> None:
        for wanted in mine:
            data = bytes([asks.index(wanted)]) * 50_000
            part = pool.part(wanted)
            for start in range(0, len(data), 7000):
                part.write(data[start : start + 7000])
            part.commit()

    threads = [threading.Thread(target=work, args=(asks[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.flush()
    assert all(pool.has(wanted.path, 50_000) for wanted in asks)


def test_two_parts_of_one_path_do_not_mix(tmp_path: Path) -> None:
    pool = Pool(tmp_path)
    first, second = pool.part(ask()), pool.part(ask())
    first.write(DATA[:7000])
    second.write(DATA)
    first.write(DATA[7000:])
    first.commit()
    second.commit()
    assert pool.read(ask().path, 10**6) == DATA


def test_what_another_process_has_placed_is_made_durable_with_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "mirror"
    other = Pool(root, syncs=False)
    put(other, ask())
    synced: list[Path] = []
    here = Pool(root)
    here.placed(ask().path)
    monkeypatch.setattr(disk, "before", lambda step, path: synced.append(path))
    other.flush()
    assert not synced
    here.flush()
    place = root / ask().path
    assert set(synced) == {place, *(one for one in place.parents if one.is_relative_to(root))}
    synced.clear()
    here.flush()
    assert not synced
    with pytest.raises(Malformed):
        here.placed("packages/../../x")
