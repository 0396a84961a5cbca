"""``man``: manual pages; ``install-units``: units of systemd, with examples beside them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def man(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write them.")],
) -> None:
    """Write manual pages of all commands, such as pypisync-sync.1.

    FOLDER is made if it is missing; /usr/local/share/man/man1 is where man(1) finds them.
    """
    from pypisync.errors import StorageError

    root = context.find_root().command
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for words, command in _commands(root, "pypisync"):
            page = folder / f"{words.replace(' ', '-')}.1"
            page.write_text("\n".join(_page(words, command)) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}: choose another folder") from None


def _commands(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{words} {name}")


def _page(words: str, command: Any) -> Iterator[str]:
    from pypisync.cli.exits import COMMANDS
    from pypisync.errors import EXIT_CODES
    from pypisync.version import own_version

    first, _, more = (command.help or "").partition("\n")
    yield f'.TH "{words.replace(" ", "-").upper()}" "1" "" "PypiSync {own_version()}" "PypiSync"'
    yield ".SH NAME"
    yield _plain(f"{words.replace(' ', '-')} - {first.rstrip('.')}")
    yield ".SH SYNOPSIS"
    yield f".B {_plain(words)}"
    yield _plain(" ".join(command.collect_usage_pieces(_context(command))))
    yield ".SH DESCRIPTION"
    for paragraph in (first, *more.split("\n\n")):
        yield from (".PP", _plain(" ".join(paragraph.split())))
    if inner := getattr(command, "commands", {}):
        yield ".SH COMMANDS"
        for name, one in inner.items():
            yield from (".TP", f".BR {_plain(f'{words} {name}').replace(' ', '-')} (1)")
            yield _plain((one.help or "").partition("\n")[0])
    yield ".SH OPTIONS"
    for param in command.get_params(_context(command)):
        if record := param.get_help_record(_context(command)):
            yield from (".TP", f".B {_plain(record[0])}", _plain(record[1]))
    yield ".SH EXIT STATUS"
    for code in COMMANDS.get(words.partition(" ")[2], EXIT_CODES):
        yield from (".TP", f".B {code}", _plain(EXIT_CODES[code]))


def _context(command: Any) -> Any:
    return command.context_class(command)


def _plain(text: str) -> str:
    """Returns the text as roff takes it: no escape, no request, no hyphen for a minus."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


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
                _write(path, content)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}: run it as root, or give another --root"
        raise StorageError(said) from None
    if Path(_program()).is_relative_to("/home") or Path(_program()).is_relative_to("/root"):
        typer.echo(
            f"note: {_program()} lies where the units may not read (ProtectHome): install PypiSync"
            " elsewhere, such as in /opt/pypisync, and run install-units from there",
            err=True,
        )
    if not dry_run:
        typer.echo(_NEXT)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a masked unit is a link to /dev/null
    path.write_bytes(content)
    path.chmod(0o644)


def _wanted(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Yields the files to install, with their content."""
    for source in _folder("systemd"):
        kind = source.name.removeprefix("pypisync-sync").removeprefix("pypisync")
        text = source.read_text(encoding="utf-8").replace(_PROGRAM, _program())
        yield root / _PLACES[kind].format(source.name), text.encode()
    for source in _folder("deploy"):
        yield root / _EXAMPLES.format(source.name), source.read_bytes()


def _folder(name: str) -> "list[Traversable]":
    """Returns the files of a folder: of the wheel, or of the checkout that runs."""
    from importlib.resources import files

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
