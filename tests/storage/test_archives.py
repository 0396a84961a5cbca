"""Facts out of archives, sound and hostile; nothing is ever written."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.errors import Malformed, StorageError
from pypisync.storage import archives
from pypisync.storage.archives import SdistFacts, sdist_facts, wheel_metadata
from tests.deep import scaled

METADATA = b"Metadata-Version: 2.1\nName: Spam.Egg\nVersion: 1.0\n"
MEMBER = "spam_egg-1.0.dist-info/METADATA"
Entry = tuple[tarfile.TarInfo, bytes]
Form = Literal[0, 1, 2]
PROJECT = b'[build-system]\nrequires = ["hatchling"]\n'


def wheel(
    folder: Path,
    *members: tuple[str | zipfile.ZipInfo, bytes],
    name: str = "spam_egg-1.0-py3-none-any.whl",
    method: int = zipfile.ZIP_DEFLATED,
) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, data in members:
            archive.writestr(member, data)
    return path


def entry(name: str, data: bytes = b"", **changes: Any) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def sdist(
    folder: Path,
    *entries: Entry,
    name: str = "spam_egg-1.0.tar.gz",
    form: Form = tarfile.PAX_FORMAT,
) -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz", format=form) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_wheel_gives_its_metadata(tmp_path: Path) -> None:
    path = wheel(tmp_path, ("spam/__init__.py", b""), (MEMBER, METADATA))
    assert wheel_metadata(path) == METADATA


@pytest.mark.parametrize(
    "member",
    [
        "Spam.Egg-1.0.dist-info/METADATA",
        "spam-egg-1.0.0.dist-info/METADATA",
        "SPAM_EGG-1.0.dist-info/METADATA",
    ],
)
def test_the_folder_is_found_in_any_spelling(tmp_path: Path, member: str) -> None:
    assert wheel_metadata(wheel(tmp_path, (member, METADATA))) == METADATA


@pytest.mark.parametrize("version", ["1.0.post1", "2.0", "1.0+local", "unknown"])
def test_the_version_of_the_folder_does_not_count(tmp_path: Path, version: str) -> None:
    member = f"spam_egg-{version}.dist-info/METADATA"
    assert wheel_metadata(wheel(tmp_path, (member, METADATA))) == METADATA


@pytest.mark.parametrize("other", ["other-1.0.dist-info/METADATA", "spam_egg-2.0.dist-info/WHEEL"])
def test_two_folders_are_refused_as_pip_and_uv_do(tmp_path: Path, other: str) -> None:
    with pytest.raises(Malformed, match="2 folders"):
        wheel_metadata(wheel(tmp_path, (MEMBER, METADATA), (other, b"other")))


def test_a_folder_of_another_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="another project"):
        wheel_metadata(wheel(tmp_path, ("other-1.0.dist-info/METADATA", METADATA)))


def test_deeper_folders_do_not_count(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        (MEMBER, METADATA),
        ("spam/_vendor/spam_egg-1.0.dist-info/METADATA", b"vendored"),
        ("spam_egg-1.0.dist-info/sub/METADATA", b"deeper"),
        ("/spam_egg-1.0.dist-info/METADATA", b"absolute"),
        ("../spam_egg-1.0.dist-info/METADATA", b"above"),
    )
    assert wheel_metadata(path) == METADATA


def test_none_or_two_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="0 folders"):
        wheel_metadata(wheel(tmp_path, ("spam.py", b"")))
    with pytest.raises(Malformed, match="0 members"):
        wheel_metadata(wheel(tmp_path, (MEMBER.replace("METADATA", "WHEEL"), b"")))
    with pytest.warns(UserWarning, match="Duplicate"), pytest.raises(Malformed, match="2 members"):
        wheel_metadata(wheel(tmp_path, (MEMBER, METADATA), (MEMBER, b"x")))


def test_a_wrong_filename_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        wheel_metadata(wheel(tmp_path, (MEMBER, METADATA), name="spam.whl"))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = wheel(tmp_path, (MEMBER, b"\0" * (archives.MEMBER_LIMIT + 1)))
    assert path.stat().st_size < 2**20
    with pytest.raises(Malformed, match="bytes"):
        wheel_metadata(path)


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, (MEMBER, b"\0" * 2**26))
    data = path.read_bytes()
    real, small = struct.pack("<L", 2**26), struct.pack("<L", 100)
    assert data.count(real) == 2
    path.write_bytes(data.replace(real, small))
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            wheel_metadata(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_limit_are_refused(tmp_path: Path, method: int) -> None:
    with pytest.raises(Malformed, match="not supported"):
        wheel_metadata(wheel(tmp_path, (MEMBER, METADATA), method=method))


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, (MEMBER, METADATA), method=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(Malformed, match="not supported"):
        wheel_metadata(path)


def test_a_huge_central_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "DIRECTORY_LIMIT", 70_000)
    path = wheel(tmp_path, (MEMBER, METADATA), *((f"{i:0200}", b"") for i in range(400)))
    with pytest.raises(Malformed, match="damaged archive: a part of"):
        wheel_metadata(path)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = wheel(tmp_path, (MEMBER, METADATA), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"Spam.Egg", b"Spam.Ege"))
    with pytest.raises(Malformed, match="damaged"):
        wheel_metadata(path)


def test_a_missing_file_is_the_disks_fault(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="pypisync verify"):
        wheel_metadata(tmp_path / "spam_egg-1.0-py3-none-any.whl")


def test_a_tar_gives_both_facts(tmp_path: Path) -> None:
    path = sdist(
        tmp_path,
        entry("./spam_egg-1.0", type=tarfile.DIRTYPE),
        entry("spam_egg-1.0/docs/pyproject.toml", b"deeper"),
        entry("spam_egg-1.0/PKG-INFO", METADATA),
        entry("spam_egg-1.0/spam_egg.egg-info/PKG-INFO", b"deeper"),
        entry("spam_egg-1.0/pyproject.toml", PROJECT),
    )
    assert sdist_facts(path) == SdistFacts(METADATA, PROJECT)


def test_a_zip_gives_both_facts(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        ("spam_egg-1.0/", b""),
        ("spam_egg-1.0/pyproject.toml", PROJECT),
        ("other/PKG-INFO", b"other"),
        ("spam_egg-1.0/PKG-INFO", METADATA),
        name="spam_egg-1.0.zip",
    )
    assert sdist_facts(path) == SdistFacts(METADATA, PROJECT)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    path = sdist(tmp_path, entry("spam_egg-1.0/setup.py", b"x" * 5000))
    assert sdist_facts(path) == SdistFacts(None, None)
    assert sdist_facts(sdist(tmp_path)) == SdistFacts(None, None)


@pytest.mark.parametrize(
    "name",
    [
        "/spam_egg-1.0/PKG-INFO",
        "../spam_egg-1.0/PKG-INFO",
        "../PKG-INFO",
        "PKG-INFO",
        "spam_egg-1.0/../PKG-INFO",
        "other/PKG-INFO",
    ],
)
def test_only_the_top_folder_counts(tmp_path: Path, name: str) -> None:
    path = sdist(tmp_path, entry("spam_egg-1.0/setup.py"), entry(name, b"hostile"))
    assert sdist_facts(path).pkg_info is None


def test_a_leading_dot_is_no_folder(tmp_path: Path) -> None:
    path = sdist(
        tmp_path,
        entry(".", type=tarfile.DIRTYPE),
        entry("./spam_egg-1.0/PKG-INFO", METADATA),
        entry("./spam_egg-1.0/pyproject.toml", PROJECT),
    )
    assert sdist_facts(path) == SdistFacts(METADATA, PROJECT)


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    headers = {"GNU.sparse.size": "1000000", "GNU.sparse.map": "999990,10"}
    hostile = entry("spam_egg-1.0/PKG-INFO", b"0123456789", pax_headers=headers)
    with pytest.raises(Malformed, match="not a regular file"):
        sdist_facts(sdist(tmp_path, hostile))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_no_link_is_followed(tmp_path: Path, kind: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    hostile = entry("spam_egg-1.0/PKG-INFO", type=kind, linkname=str(secret))
    with pytest.raises(Malformed, match="not a regular file"):
        sdist_facts(sdist(tmp_path, hostile))


def test_no_link_of_a_zip_is_followed(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("spam_egg-1.0/PKG-INFO")
    info.external_attr = 0o120777 << 16
    path = wheel(tmp_path, (info, b"/etc/passwd"), name="spam_egg-1.0.zip")
    with pytest.raises(Malformed, match="not a regular file"):
        sdist_facts(path)


def test_a_large_member_of_a_tar_is_refused(tmp_path: Path) -> None:
    data = b"\0" * (archives.MEMBER_LIMIT + 1)
    with pytest.raises(Malformed, match="bytes"):
        sdist_facts(sdist(tmp_path, entry("spam_egg-1.0/PKG-INFO", data)))


def test_a_tar_bomb_is_not_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SCAN_LIMIT", 2**20)
    path = sdist(tmp_path, entry("spam_egg-1.0/big", b"\0" * 2**21), entry("spam_egg-1.0/setup.py"))
    with pytest.raises(Malformed, match="bytes to go through"):
        sdist_facts(path)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_large_extended_header_is_not_taken_into_memory(tmp_path: Path, form: Form) -> None:
    path = sdist(tmp_path, entry("spam_egg-1.0/" + "y" * 2**24), form=form)
    assert path.stat().st_size < 2**16
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="a header of"):
            sdist_facts(path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_many_members_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBERS_LIMIT", 10)
    with pytest.raises(Malformed, match="more than 10 members"):
        sdist_facts(sdist(tmp_path, *(entry(f"spam_egg-1.0/{i}") for i in range(11))))


def test_headers_without_end_are_refused(tmp_path: Path) -> None:
    """Each extended header is read by a deeper call."""
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    record = b"12 path=abc\n"
    header.size = len(record)
    block = header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    path = tmp_path / "spam_egg-1.0.tar.gz"
    path.write_bytes(gzip.compress(block * 5000))
    with pytest.raises(Malformed):
        sdist_facts(path)


def test_a_negative_size_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("spam_egg-1.0/x")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024 in base 256
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    path = tmp_path / "spam_egg-1.0.tar.gz"
    path.write_bytes(gzip.compress(bytes(block) + b"\0" * 1024))
    with pytest.raises(Malformed):
        sdist_facts(path)


def test_a_member_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = sdist(tmp_path, entry("spam_egg-1.0/PKG-INFO", METADATA * 20))
    whole.write_bytes(gzip.compress(gzip.decompress(whole.read_bytes())[:1000]))
    with pytest.raises(Malformed, match="PKG-INFO is cut off"):
        sdist_facts(whole)
    name = "spam_egg-1.0/PKG-INFO"
    path = wheel(tmp_path, (name, METADATA), name="spam_egg-1.0.zip", method=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, len(METADATA) + 1)
    path.write_bytes(data)
    with pytest.raises(Malformed, match="PKG-INFO is cut off"):
        sdist_facts(path)


def test_facts_are_enough_to_stop(tmp_path: Path) -> None:
    path = sdist(
        tmp_path,
        entry("spam_egg-1.0/PKG-INFO", METADATA),
        entry("spam_egg-1.0/pyproject.toml", PROJECT),
        entry("spam_egg-1.0/random", bytes(range(256)) * 4096),
    )
    path.write_bytes(path.read_bytes()[:-1000])
    assert sdist_facts(path) == SdistFacts(METADATA, PROJECT)


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"neither \.tar\.gz nor \.zip"):
        sdist_facts(tmp_path / "spam_egg-1.0.tar.bz2")


@pytest.mark.parametrize("name", ["spam_egg-1.0.tar.gz", "spam_egg-1.0.zip"])
@pytest.mark.parametrize(
    "data", [b"", b"<html>not found</html>", b"\x1f\x8b", b"PK\x05\x06" + b"\xff" * 18]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Malformed):
        sdist_facts(tmp_path / name)


@settings(deadline=None, max_examples=scaled(150))
@given(data=st.data())
def test_damage_never_escapes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever bytes are cut or changed: the facts, or Malformed; no other error."""
    folder = tmp_path_factory.mktemp("damage")
    path = data.draw(
        st.sampled_from(
            [
                wheel(folder, ("spam.py", b"x" * 500), (MEMBER, METADATA)),
                wheel(folder, ("spam_egg-1.0/PKG-INFO", METADATA), name="spam_egg-1.0.zip"),
                sdist(folder, entry("spam_egg-1.0/PKG-INFO", METADATA), entry("spam_egg-1.0/x")),
            ]
        )
    )
    packed = path.name.endswith(".gz")
    content = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    path.write_bytes(gzip.compress(cut) if packed else cut)
    read = wheel_metadata if path.name.endswith(".whl") else sdist_facts
    with suppress(Malformed):
        read(path)
