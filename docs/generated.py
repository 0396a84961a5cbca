"""The parts of the reference that are made from the code, as Markdown.

``docs/conf.py`` puts them into the pages of ``docs/reference`` when the site is built.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pypisync.catalog.db import migrate
from pypisync.catalog.db.engine import open_engine
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.views import VIEWS
from pypisync.cli.app import app
from pypisync.cli.exits import COMMANDS as EXITS
from pypisync.config import load
from pypisync.config.schema import Document
from pypisync.config.source import OVERRIDES
from pypisync.errors import EXIT_CODES
from pypisync.logs import EVENTS
from pypisync.web.metrics import METRICS


def keys() -> str:
    """Every key of the configuration: an anchor, its default, and what is allowed."""
    return "\n\n".join(_tables(Document, ""))


def overrides() -> str:
    """The environment variables that override keys."""
    return _table(
        ("variable", "key"), ((f"`{name}`", _key(key)) for key, name in OVERRIDES.items())
    )


def json_schema() -> str:
    """The JSON Schema of the configuration file."""
    return f"```json\n{json.dumps(load.json_schema(), indent=2)}\n```"


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_command(words, command) for words, command in every_command())


def views() -> str:
    """Every SQL view with its columns."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/catalog.sqlite"
        engine = open_engine(url, writer=True)
        migrate.upgrade(engine)
        engine.dispose()
        with Reader(url) as reader:
            return "\n\n".join(_view(reader, view.name, view.comment) for view in VIEWS)


def events() -> str:
    """Every event of the log."""
    return _described("event", EVENTS)


def metrics() -> str:
    """Every metric."""
    return _described("metric", METRICS)


def exit_codes() -> str:
    """Every exit code."""
    return _described("exit code", {str(code): what for code, what in EXIT_CODES.items()})


# What is written in the configuration: an object, a list of texts, a text, a word of JSON.
_LITERAL = re.compile(
    r'\{ [^{}]* \}|\[(?:"[^"]*"(?:, )?)+\]|"[^"`]+"'
    r"|(?<![\w`])(?:null|true|false|\[\]|\{\})(?![\w`])"
)

PARTS: Mapping[str, Callable[[], str]] = {
    part.__name__: part
    for part in (keys, overrides, json_schema, commands, views, events, metrics, exit_codes)
}


def every_command() -> Iterator[tuple[str, TyperCommand]]:
    """Every command with the words that call it."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - an application of several commands is one
    yield from _commands(group, "pypisync")


def every_key() -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the configuration by its path; ``[]`` stands for an entry of a list."""
    yield from _fields(Document, "")


def anchor(what: str, name: str) -> str:
    """The anchor of a key, an event, a metric or an exit code: "key-policy-min-age"."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{what} {name}")
    return words.strip("-")


def _commands(group: TyperGroup, words: str) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{words} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{words} {name}", command


def _command(words: str, command: TyperCommand) -> str:
    title, _, rest = (command.help or "").replace("``", "`").partition("\n\n")
    params = [param for param in command.params if param.opts != ["--help"]]
    usage = [f"[{_metavar(param)}]" for param in params if not _is_option(param)]
    rows = [(_spelling(param), _help(param)) for param in params]
    parts = [
        f"## {words.removeprefix('pypisync ')}",
        _prose(title),
        f"```text\n{' '.join([words, *usage, '[OPTIONS]'])}\n```",
        _prose(rest),
        _table(("", "what it is"), rows),
        _exits(words.removeprefix("pypisync ")),
    ]
    return "\n\n".join(filter(None, parts))


def _exits(command: str) -> str:
    codes = (f"[`{one}`](exit-codes.md#exit-code-{one})" for one in EXITS[command])
    return f"Exit codes: {', '.join(codes)}."


def _is_option(param: Any) -> bool:
    return bool(param.param_type_name == "option")


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name).upper().strip("[]")


def _spelling(param: Any) -> str:
    if not _is_option(param):
        return f"`{_metavar(param)}`"
    value = "" if param.is_flag else f" {_metavar(param)}"
    return ", ".join(f"`{name}{value}`" for name in [*param.opts, *param.secondary_opts])


def _help(param: Any) -> str:
    shown = param.show_default and not callable(param.default) and not getattr(param, "is_flag", 0)
    default = f" Default: `{param.default}`." if shown and param.default is not None else ""
    return _prose(param.help or "") + default


def _view(reader: Reader, name: str, comment: str) -> str:
    columns, none = reader.ask(f"SELECT * FROM {name} LIMIT 0")  # noqa: S608 - the view's own name
    list(none)
    return f"## {name}\n\n{comment}\n\n{' '.join(f'`{column}`' for column in columns)}"


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield prefix + name, field
        for inner, entry in _inner(field.annotation):
            yield from _fields(inner, f"{prefix}{name}{entry}.")


def _inner(kind: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """The models that a key holds, and "[]" for those that are entries of a list."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind, ""
    for part in get_args(kind):
        for inner, entry in _inner(part):
            yield inner, "[]" if _is_list(kind) else entry


def _is_list(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) in (list, tuple)


def _tables(model: type[BaseModel], prefix: str) -> Iterator[str]:
    rows = [
        (_key(prefix + name, here=True), _default(field), _prose(field.description or ""))
        for name, field in model.model_fields.items()
    ]
    if prefix:
        yield f"## Keys of {prefix.removesuffix('.')}\n\n{(model.__doc__ or '').strip()}"
    yield _table(("key", "default", "what is allowed"), rows)
    for name, field in model.model_fields.items():
        for inner, entry in _inner(field.annotation):
            yield from _tables(inner, f"{prefix}{name}{entry}.")


def _key(path: str, *, here: bool = False) -> str:
    place = anchor("key", path)
    return f"[`{path}`]{{#{place}}}" if here else f"[`{path}`](#{place})"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, BaseModel) or default is PydanticUndefined:
        return "see below"
    return f"`{json.dumps(default)}`"


def _described(what: str, entries: Mapping[str, str]) -> str:
    rows = ((f"[`{name}`]{{#{anchor(what, name)}}}", text) for name, text in entries.items())
    return _table((what, "what it says"), rows)


def _prose(text: str) -> str:
    """A description as Markdown: quoted values and spellings as code."""
    quoted = _LITERAL.sub(_code, text)
    return re.sub(r"(?<![\w`-])(--[a-z][a-z-]*)", r"`\1`", quoted).replace("``", "`")


def _code(found: re.Match[str]) -> str:
    return f"`{found[0]}`"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    if not lines:
        return ""
    rule = " | ".join("---" for _ in heads)
    return "\n".join(f"| {line} |" for line in [" | ".join(heads), rule, *lines])
