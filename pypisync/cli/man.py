"""``man``: manual pages, made from the commands themselves (man(7))."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer


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
    from pypisync.errors import EXIT_CODES
    from pypisync.status import own_version

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
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", f".B {code}", _plain(meaning))


def _context(command: Any) -> Any:
    return command.context_class(command)


def _plain(text: str) -> str:
    """Returns the text as roff takes it: no escape, no request, no hyphen for a minus."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
