"""What keeps the code readable, counted; and documents that name what is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pypisync.catalog.views import VIEWS
from pypisync.cli.app import app
from pypisync.config import OVERRIDES
from pypisync.core.document import Document

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "pypisync" / "ARCHITECTURE.md").read_text(encoding="utf-8")
CODE = sorted((ROOT / "pypisync").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MIGRATIONS = sorted((ROOT / "migrations").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE + TESTS, ids=name_of)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", CODE + TESTS + MIGRATIONS, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    empty_package = path.name == "__init__.py" and not tree.body and path not in CODE
    assert ast.get_docstring(tree) or empty_package


def functions() -> Iterator[tuple[str, int]]:
    """Every function of the product and its number of lines."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{name_of(path)}:{node.name}", lines


def test_functions_are_short() -> None:
    lengths = dict(functions())
    assert {name: lines for name, lines in lengths.items() if lines > 80} == {}
    nine_tenths = sorted(lengths.values())[len(lengths) * 9 // 10]
    assert nine_tenths <= 35


def test_the_map_names_every_module_and_no_other() -> None:
    there = {
        str(path.relative_to(ROOT / "pypisync")) for path in CODE if path.name != "__init__.py"
    }
    named = set(re.findall(r"^- `([\w/]+\.py)`", ARCHITECTURE, re.MULTILINE))
    assert named == there


def commands(group: TyperGroup, prefix: str = "pypisync") -> Iterator[tuple[str, TyperCommand]]:
    """Every command with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{prefix} {name}")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{prefix} {name}", command


def test_the_readme_names_every_command_and_option() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for words, command in commands(group):
        assert f"| `{words}" in README
        for option in (name for param in command.params for name in param.opts if "--" in name):
            assert option in README, f"{words} {option}"


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of the configuration with its path."""
    for name, field in model.model_fields.items():
        yield prefix + name
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{prefix}{name}.")


def test_the_readme_names_every_key() -> None:
    assert [key for key in keys(Document) if f"`{key}`" not in README] == []
    assert [name for name in OVERRIDES.values() if f"`{name}`" not in README] == []


def test_the_readme_names_every_view() -> None:
    named = set(re.findall(r"`(v_\w+)`", README))
    assert named == {view.name for view in VIEWS}


def test_the_readmes_links_within_the_project_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README + ARCHITECTURE)
    assert [link for link in links if not (ROOT / link).exists()] == []
