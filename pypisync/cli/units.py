"""``install-units``: systemd's units for this installation, with examples beside them."""

import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

_PROGRAM = "/opt/pypisync/bin/pypisync"  # in the units as they are kept
_PLACES = {
    ".service": "etc/systemd/system/{0}",
    ".timer": "etc/systemd/system/{0}",
    ".sysusers.conf": "etc/sysusers.d/pypisync.conf",
    ".tmpfiles.conf": "etc/tmpfiles.d/pypisync.conf",
}
_EXAMPLES = "usr/local/share/doc/pypisync/{0}"
_NEXT = """\
next, as root, with a configuration in /etc/pypisync/pypisync.json5:
  systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload
  systemctl enable --now pypisync     (or, without the daemon: pypisync-sync.timer)"""


def install_units(
    *,
    root: Annotated[Path, typer.Option(help="Install below this folder instead.")] = Path("/"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that are there and differ.")
    ] = False,
) -> None:
    """Install the units of systemd that run this PypiSync, and example files.

    The units go to /etc/systemd/system, the user that they run as to /etc/sysusers.d, its folders
    to /etc/tmpfiles.d, the examples to /usr/local/share/doc/pypisync. Nothing is started or
    enabled. Changes of your own belong into "systemctl edit pypisync", which stay when the units
    are installed again. Exit code 2 if files are there that differ.
    """
    from pypisync.errors import ConfigError, StorageError

    wanted = dict(_wanted(root))
    try:
        differ = [path for path, content in wanted.items() if _differs(path, content)]
        if differ and not (force or dry_run):
            raise ConfigError([f"{path}: differs; --force overwrites it" for path in differ])
        for path, content in wanted.items():
            there = path.exists() and path not in differ
            typer.echo(f"{'unchanged' if there else 'would write' if dry_run else 'wrote'} {path}")
            if not (dry_run or there):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                path.chmod(0o644)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}: run it as root, or give another --root"
        raise StorageError(said) from None
    if Path(_program()).is_relative_to("/home") or Path(_program()).is_relative_to("/root"):
        typer.echo(
            f"note: {_program()} lies where the units may not read (ProtectHome): install PypiSync"
            " elsewhere, such as in /opt/pypisync, and run install-units from there",
            err=True,
        )
    typer.echo(_NEXT)


def _wanted(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yields the files to install, with their content."""
    for source in _folder("systemd"):
        kind = source.name.removeprefix("pypisync-sync").removeprefix("pypisync")
        text = source.read_text(encoding="utf-8").replace(_PROGRAM, _program())
        yield root / _PLACES[kind].format(source.name), text.encode()
    for source in _folder("deploy"):
        yield root / _EXAMPLES.format(source.name), source.read_bytes()


def _folder(name: str) -> list[Traversable]:
    """Returns the files of a folder: of the wheel, or of the checkout that runs."""
    package = files("pypisync")
    inside = package / name
    folder = inside if inside.is_dir() else Path(str(package)).parent / name
    return sorted((one for one in folder.iterdir() if one.is_file()), key=lambda one: one.name)


def _program() -> str:
    return str(Path(sys.executable).parent / "pypisync")


def _differs(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() != content
    except FileNotFoundError:
        return False
