"""What keeps the code readable, counted; and documents that name what is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "pypisync" / "ARCHITECTURE.md").read_text(encoding="utf-8")
CODE = sorted((ROOT / "pypisync").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("pypisync/*.md"), *ROOT.glob("docs/**/*.md")])
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


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as forges and the site make them."""
    heads = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(\s*(?!https?:)([^)\s]+)", path.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        # The reference's other anchors are made with the site, which checks them.
        if anchor and "docs/reference" not in str(target):
            assert anchor in anchors(target), link
