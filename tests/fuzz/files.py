"""What files say of themselves: archives, metadata, names."""

import gzip
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from pypisync.core.standards import filenames, marker_syntax, requirements, specifiers, versions
from pypisync.core.standards.metadata import build_requires, read_metadata
from pypisync.core.standards.wheel_contents import stops
from pypisync.core.standards.wheel_scripts import script_faults
from pypisync.errors import Malformed
from pypisync.storage import archives
from pypisync.storage.wheels import look_into

_FOLDER = Path(tempfile.mkdtemp(prefix="pypisync-fuzz-"))


def metadata(data: bytes) -> None:
    """METADATA and PKG-INFO: each requirement is read, or has a reason why it is not."""
    for sdist in (False, True):
        with suppress(ValueError):
            read = read_metadata(data, sdist=sdist)
            for line in read.requires[:50]:
                _requirement(line)


def requirement(data: bytes) -> None:
    """One line of Requires-Dist."""
    _requirement(data.decode("utf-8", "replace"))


def pyproject(data: bytes) -> None:
    """The build requirements of a pyproject.toml."""
    with suppress(ValueError):
        for line in build_requires(data)[:50]:
            _requirement(line)


def wheel(data: bytes) -> None:
    """The METADATA inside a wheel, and what in it stops installers."""
    with suppress(Malformed, ValueError):
        metadata(archives.metadata_inside("a-1.0-py3-none-any.whl", BytesIO(data)))
    path = _FOLDER / "a-1.0-py3-none-any.whl"
    path.write_bytes(data)
    found = stops(
        look_into(path, lambda: None), "a", "1.0", b"Metadata-Version: 2.1\nName: a\nVersion: 1.0\n"
    )
    assert all(len(why) < 1000 for why in found.values())


def entry_points(data: bytes) -> None:
    """The scripts of a wheel."""
    assert {by for by, _ in script_faults(data, set())} <= {"pip", "uv"}


def sdist(data: bytes) -> None:
    """An sdist as .tar.gz, as the tar in it, and as .zip."""
    packed = gzip.compress(data, 1)
    for name, content in (("a-1.0.tar.gz", data), ("a-1.0.tar.gz", packed), ("a-1.0.zip", data)):
        path = _FOLDER / name
        path.write_bytes(content)
        with suppress(Malformed):
            facts = archives.sdist_facts(path)
            if facts.pkg_info is not None:
                metadata(facts.pkg_info)
            if facts.pyproject is not None:
                pyproject(facts.pyproject)


def filename(data: bytes) -> None:
    """A filename: what is taken has a version that sorts, and can be written on any disk."""
    text = data.decode("utf-8", "replace")
    for name in ("a", "foo-bar"):
        with suppress(ValueError):
            parsed = filenames.parse(name, text)
            assert versions.parse(str(parsed.version)) == parsed.version
            versions.key(parsed.version)
            assert "/" not in text
            assert text.isascii()


def _requirement(line: str) -> None:
    parsed = requirements.parse(line)
    if parsed.fault:
        assert parsed.name == ""
        return
    assert parsed.name
    specifiers.matcher(parsed.specifier)
    if parsed.marker:
        marker_syntax.parse(parsed.marker)
