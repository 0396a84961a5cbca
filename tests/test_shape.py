"""What keeps the code readable, counted; and documents that name what is there."""

import ast
import re
import tomllib
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
    """Every function of the product and its number of lines, its parameters apart."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
                yield f"{name_of(path)}:{node.name}", lines


def test_functions_are_short() -> None:
    lengths = dict(functions())
    assert {name: lines for name, lines in lengths.items() if lines > 50} == {}
    nine_tenths = sorted(lengths.values())[len(lengths) * 9 // 10]
    assert nine_tenths <= 35


def test_the_map_names_every_module_once_and_no_other_below_its_room() -> None:
    there = sorted(
        str(path.relative_to(ROOT / "pypisync")) for path in CODE if path.name != "__init__.py"
    )
    named = re.findall(r"^- `([\w/]+\.py)`", ARCHITECTURE, re.MULTILINE)
    assert sorted(named) == there
    room = ""
    for heading, module in re.findall(r"^\*\*([\w/]+)\*\*|^- `([\w/]+\.py)`", ARCHITECTURE, re.M):
        room = heading or room
        assert not module or module.rpartition("/")[0] == room


def test_the_map_shows_the_order_that_is_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = {one["containers"][0]: one["layers"] for one in contracts if one["type"] == "layers"}
    shown = re.findall(r"```\n(.*?)```", ARCHITECTURE, re.DOTALL)
    whole = [re.split(r"  +", line)[0] for line in shown[0].splitlines()]
    assert ["__main__", *whole] == [
        layer.translate({40: "", 41: ""}) for layer in layers["pypisync"]
    ]
    for line in shown[1].splitlines():
        room, order = line.split(None, 1)
        assert order.split(" > ") == layers[f"pypisync.{room}"]


@pytest.mark.parametrize("path", [p for p in CODE if p.name == "__init__.py"], ids=name_of)
def test_a_room_lists_only_what_is_in_it(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    listed = [
        name
        for item in re.findall(r"^- (.*?):", text, re.MULTILINE)
        for name in re.findall(r"``(\w+)``", item)
    ]
    there = {entry.stem for entry in path.parent.iterdir()}
    assert [name for name in listed if name not in there] == []


def importers(package: str) -> set[str]:
    """Returns who imports a package: modules and rooms beside it, and rooms of the top level."""
    beside = package.rpartition(".")[0] + "."
    found = set()
    for path in CODE:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if f"{name}.".startswith(f"{package}."):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
                found.add(name.removeprefix(beside if name.startswith(beside) else "pypisync."))
    return {name.partition(".")[0] for name in found}


@pytest.mark.parametrize("path", [p for p in CODE if p.name == "__init__.py"][1:], ids=name_of)
def test_a_room_says_who_imports_it(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    if not re.search(r"\bmay import it\b", text):  # where nearly all do
        (said,) = re.findall(r"Imported by ([^.]+)[.]", text)
        package = ".".join(path.parent.relative_to(ROOT).parts)
        assert set(re.findall(r"``(\w+)``", said)) == importers(package)


RETURNS = re.compile(r"\b(return|returns|returned|yields)\b", re.IGNORECASE)


def results(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a public function returns something; a property is told by its noun."""
    is_property = any(ast.unparse(one).endswith("property") for one in node.decorator_list)
    nothing = node.returns is None or ast.unparse(node.returns) in ("None", "NoReturn", "Self")
    return not (node.name.startswith("_") or is_property or nothing)


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_public_functions_say_what_they_return(path: Path) -> None:
    silent = [
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and results(node)
        and (text := ast.get_docstring(node))
        and not RETURNS.search(text)
    ]
    assert silent == []


def test_a_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = {}
    for path in CODE:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


ALIASES = {("hypothesis", "strategies", "st"), ("", "sqlalchemy", "sa")}
"""The import aliases that these libraries' own documents use; no other is allowed."""


@pytest.mark.parametrize("path", CODE + TESTS + MIGRATIONS, ids=name_of)
def test_what_is_imported_keeps_its_name(path: Path) -> None:
    found = {
        (getattr(node, "module", ""), one.name, one.asname)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in node.names
        if one.asname is not None
    }
    assert found <= ALIASES


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


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_paths_within_the_project_lead_somewhere(path: Path) -> None:
    named = re.findall(
        r"`((?:pypisync|tests|docs|deploy|systemd|migrations)/[\w./-]+)`", path.read_text("utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_migrations_follow_one_another() -> None:
    """Two that were written at the same time would both be the newest."""
    names = sorted(path.name for path in MIGRATIONS if path.name[:4].isdigit())
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
