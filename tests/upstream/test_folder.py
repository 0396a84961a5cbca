"""A folder of wheels and sdists as an index."""

from pathlib import Path

import pytest

from pypisync.core.standards.model import ProjectDocument, Unchanged
from pypisync.errors import Gone, Malformed, Unreachable, UpstreamError
from pypisync.upstream.api import FileAsk, PartsAsk, ProjectAsk
from pypisync.upstream.folder import FolderUpstream
from pypisync.wiring_upstream import described
from tests.sim import dists
from tests.sim.asks import asked
from tests.upstream.deposit import MemoryDeposit


def put(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> Path:
    dist = dists.dist(name, version, requires, None, ">=3.9", 0)
    file = folder / dists.wheel_filename(dist, "py3-none-any")
    file.write_bytes(dists.build_wheel(dist, "py3-none-any").content)
    return file


@pytest.fixture
def index(tmp_path: Path) -> FolderUpstream:
    return FolderUpstream("own", tmp_path, described)


def ask(index: FolderUpstream, ask: ProjectAsk) -> ProjectDocument | Unchanged | UpstreamError:
    return asked(index, ask)


def document(index: FolderUpstream, name: str) -> ProjectDocument:
    answer = ask(index, ProjectAsk(name))
    assert isinstance(answer, ProjectDocument), answer
    return answer


def test_what_files_say_is_read_and_hashed(index: FolderUpstream, tmp_path: Path) -> None:
    wheel = put(tmp_path, "Acme.Core", "1.2+local.1")
    sdist = dists.dist("Acme.Core", "1.3", (), None, ">=3.10", 0)
    built = dists.build_sdist(sdist, "static", None, ())
    (tmp_path / dists.sdist_filename(sdist)).write_bytes(built.content)
    for other in ("readme.txt", "acme-1.0.egg", "notes.whl"):
        (tmp_path / other).write_text("")
    (tmp_path / "linked-1.0-py3-none-any.whl").symlink_to(wheel)
    assert set(index.names()) == {"acme-core", "linked"}
    found = document(index, "acme-core")
    assert {file.filename: file.requires_python for file in found.files} == {
        wheel.name: ">=3.9",
        dists.sdist_filename(sdist): ">=3.10",
    }
    assert built.sha256 in {file.sha256 for file in found.files}
    assert found.index == "own"
    known = ProjectAsk("acme-core", validators=found.validators)
    assert isinstance(ask(index, known), Unchanged)
    linked = document(index, "linked")
    assert linked.files == ()
    assert [one.what for one in linked.skipped] == ["linked-1.0-py3-none-any.whl"]


def test_every_change_changes_the_fingerprint(index: FolderUpstream, tmp_path: Path) -> None:
    seen = {index.names().get("a", 0)}
    wheel = put(tmp_path, "a", "1.0")
    seen.add(index.names()["a"])
    put(tmp_path, "a", "2.0")
    seen.add(index.names()["a"])
    wheel.write_bytes(wheel.read_bytes() + b"x")
    seen.add(index.names()["a"])
    wheel.unlink()
    seen.add(index.names()["a"])
    assert len(seen) == 5
    assert index.names() == index.names()


def test_a_damaged_file_is_left_out_and_named(index: FolderUpstream, tmp_path: Path) -> None:
    good = put(tmp_path, "a", "1.0")
    bad = tmp_path / "a-2.0-py3-none-any.whl"
    bad.write_bytes(good.read_bytes()[:100])
    found = document(index, "a")
    assert [file.filename for file in found.files] == [good.name]
    assert [one.what for one in found.skipped] == [bad.name]
    good.rename(tmp_path / "a-2.0-py3-none-any.whl")
    assert (
        document(index, "a").skipped == ()
    )  # of another version: what installers do is judged later


def test_files_are_copied_and_checked(index: FolderUpstream, tmp_path: Path) -> None:
    wheel = put(tmp_path, "a", "1.0+cpu")
    file = document(index, "a").files[0]
    deposit = MemoryDeposit()
    error = asked(index, FileAsk(file.url, "p", file.sha256, file.size), deposit)
    assert error is None
    assert deposit.files["p"] == wheel.read_bytes()
    parts = PartsAsk(FileAsk(file.url, "p", ""), lambda name, file: name.encode() + file.read(2))
    inside = asked(index, parts)
    assert inside == wheel.name.encode() + b"PK"
    wheel.write_bytes(b"other")
    error = asked(index, FileAsk(file.url, "p", file.sha256, file.size), deposit)
    assert isinstance(error, Malformed)
    wheel.unlink()
    error = asked(index, FileAsk(file.url, "p", file.sha256, file.size), deposit)
    assert isinstance(error, Gone)


def test_no_address_leads_out_of_the_folder(index: FolderUpstream, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("x")
    inner = FolderUpstream("own", tmp_path / "inside", described)
    for url in (secret.as_uri(), "file:///..%2Fsecret", "../secret"):
        error = asked(inner, FileAsk(url, "p", ""), MemoryDeposit())
        assert isinstance(error, Gone)


def test_a_folder_that_is_away_is_no_empty_one(tmp_path: Path) -> None:
    index = FolderUpstream("own", tmp_path / "none", described)
    assert isinstance(ask(index, ProjectAsk("a")), Unreachable)
    with pytest.raises(Unreachable):
        index.names()
