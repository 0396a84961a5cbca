"""The order of writes, and a crash at every one of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pypisync.core.publish.pages import project_html, project_json
from pypisync.storage import disk
from pypisync.storage.pool import Pool
from pypisync.storage.tree import Tree
from tests.storage.test_pool import DATA, LEAF, ask, files_below, put
from tests.storage.test_tree import FILES, page, state, whole_page


def test_flush_syncs_every_file_and_folder_that_changed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(tmp_path / "mirror")
    steps = []
    put(pool, ask("a.whl"))
    put(pool, ask("b.whl"))
    monkeypatch.setattr(disk, "before", lambda step, path: steps.append((step, path)))
    pool.flush()
    pool.flush()
    root = tmp_path / "mirror"
    folders = [root, root / "packages", root / "packages/aa", root / "packages/aa/bb", root / LEAF]
    files = [root / LEAF / "a.whl", root / LEAF / "b.whl"]
    assert steps == [("sync", path) for path in (*folders, *files)]


def test_many_files_are_synced_by_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(tmp_path)
    for number in range(40):
        put(pool, ask(f"a{number}.whl"))
    steps = []
    monkeypatch.setattr(disk, "before", lambda step, path: steps.append((step, path)))
    pool.flush()
    assert steps == [("sync", tmp_path)]


def test_bytes_are_synced_by_the_flush_that_a_catalog_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    pool = Pool(tmp_path)
    monkeypatch.setattr(disk, "before", lambda step, path: steps.append(step))
    put(pool, ask())
    assert [step for step in steps if step != "folder"] == ["open", "write", "rename"]
    pool.flush()
    assert steps[-1] == "sync"


class Crash(BaseException):
    """The process ends here."""


def crashes(monkeypatch: pytest.MonkeyPatch, point: int, job: Callable[[], None]) -> bool:
    """Do the job, ending it at the given step; whether it ended early."""
    left = iter(range(point))

    def crash(step: str, path: Path) -> None:
        if next(left, None) is None:
            raise Crash

    monkeypatch.setattr(disk, "before", crash)
    try:
        job()
    except Crash:
        return True
    finally:
        monkeypatch.setattr(disk, "before", lambda step, path: None)
    return False


def test_a_download_that_crashes_at_any_step_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job() -> None:
        pool = Pool(root)
        part = pool.part(ask())
        part.write(DATA[part.offset :])
        part.commit()
        pool.flush()
        pool.sweep()

    point, crashed = 0, True
    while crashed:
        root = tmp_path / str(point)
        crashed = crashes(monkeypatch, point, job)
        place = root / ask().path
        assert not place.exists() or place.read_bytes() == DATA
        job()
        assert files_below(root) == [ask().path]
        point += 1
    assert point > 10


def test_a_deletion_that_crashes_at_any_step_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job() -> None:
        pool = Pool(root)
        pool.delete([ask().path])
        pool.flush()

    point, crashed = 0, True
    while crashed:
        root = tmp_path / str(point)
        put(Pool(root), ask())
        crashed = crashes(monkeypatch, point, job)
        job()
        assert list((root / "packages").iterdir()) == []
        point += 1
    assert point > 4


def test_a_publication_that_crashes_at_any_step_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job() -> None:
        tree = Tree(root)
        tree.write_page(page(serial=2))
        tree.write_page(page(name="new"))
        tree.remove_page("old")
        tree.write_root([("new", 2), ("spam", 2)], 2)
        tree.flush()

    point, crashed = 0, True
    while crashed:
        root = tmp_path / str(point)
        first = Tree(root)
        first.write_page(page())
        first.write_page(page(name="old"))
        crashed = crashes(monkeypatch, point, job)
        for folder in (root / "simple").iterdir():  # at any time: whole files, whole pages
            assert not folder.is_dir() or sorted(state(folder)) == FILES
        job()
        whole_page(root / "simple/spam", project_json(page(2)), project_html(page(2)))
        assert Tree(root).pages() == {"spam", "new"}
        Pool(root).sweep()
        assert list((root / ".partial").iterdir()) == []
        point += 1
    assert point > 40
