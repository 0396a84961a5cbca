"""What keeps the code readable, counted; and documents that name what is there."""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.parsed import parsed

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "pypisync" / "ARCHITECTURE.md").read_text(encoding="utf-8")
CODE = sorted((ROOT / "pypisync").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("pypisync/*.md"), *ROOT.glob("docs/**/*.md")])
MIGRATIONS = sorted((ROOT / "migrations").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """The trees take 100 MB, which other tests need not have beside them."""
    yield
    trees.cache_clear()


@cache
def trees() -> Mapping[Path, ast.Module]:
    """Every Python file, parsed: once, since that takes seconds."""
    return parsed(CODE + TESTS + MIGRATIONS)


def test_no_file_is_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in CODE + TESTS}
    assert {name_of(path): lines for path, lines in lengths.items() if lines > 400} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [path for path, tree in trees().items() if not ast.get_docstring(tree)]
    empty = {path for path in silent if path.name == "__init__.py" and not trees()[path].body}
    assert [name_of(path) for path in silent if path in CODE or path not in empty] == []


def test_no_group_is_repeated_possessively() -> None:
    """Python before 3.11.5, which Debian 12 has, forgets there where the last round began."""
    group = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+")
    lines = [line for path in CODE for line in path.read_text(encoding="utf-8").splitlines()]
    said = [line for line in lines if re.search(r"""\b(?:r|rf|rb)["']""", line)]
    classes = re.compile(r"\[(?:\\.|[^]\\])*\]")  # in which these are characters
    assert [line for line in said if group.search(classes.sub("c", line))] == []


def functions() -> Iterator[tuple[str, int]]:
    """Every function of the product and its number of lines, its parameters apart."""
    for path in CODE:
        for node in ast.walk(trees()[path]):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
                yield f"{name_of(path)}:{node.name}", lines


def test_functions_are_short() -> None:
    lengths = dict(functions())
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}
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


def rooms() -> dict[Path, str]:
    """The docstring of every package of the product."""
    inits = [path for path in CODE if path.name == "__init__.py"]
    return {path: ast.get_docstring(trees()[path]) or "" for path in inits}


def test_a_room_lists_only_what_is_in_it() -> None:
    unknown = {}
    for path, text in rooms().items():
        items = re.findall(r"^- (.*?):", text, re.MULTILINE)
        listed = {name for item in items for name in re.findall(r"``(\w+)``", item)}
        unknown[name_of(path)] = listed - {entry.stem for entry in path.parent.iterdir()}
    assert {name: names for name, names in unknown.items() if names} == {}


@cache
def imports() -> Mapping[str, set[str]]:
    """What each module of the product imports from, both by their dotted names."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): {
            node.module or ""
            for node in ast.walk(trees()[path])
            if isinstance(node, ast.ImportFrom)
        }
        for path in CODE
    }


def importers(package: str) -> set[str]:
    """Returns who imports a package: modules and rooms beside it, and rooms of the top level."""
    beside = package.rpartition(".")[0] + "."
    found = {
        name.removeprefix(beside if name.startswith(beside) else "pypisync.")
        for name, modules in imports().items()
        if not f"{name}.".startswith(f"{package}.")
        and any(f"{module}.".startswith(f"{package}.") for module in modules)
    }
    return {name.partition(".")[0] for name in found}


def test_a_room_says_who_imports_it() -> None:
    wrong = {}
    for path, text in rooms().items():
        package = ".".join(path.parent.relative_to(ROOT).parts)
        # Of the whole nobody does, and of some nearly all do.
        if package == "pypisync" or re.search(r"\bmay import it\b", text):
            continue
        said = re.findall(r"Imported by ([^.]+)[.]", text)
        named = [set(re.findall(r"``(\w+)``", one)) for one in said]
        if named != [importers(package)]:
            wrong[package] = (named, importers(package))
    assert wrong == {}


RETURNS = re.compile(r"\b(return|returns|returned|yields)\b", re.IGNORECASE)


def results(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a public function returns something; a property is told by its noun."""
    is_property = any(ast.unparse(one).endswith("property") for one in node.decorator_list)
    nothing = node.returns is None or ast.unparse(node.returns) in ("None", "NoReturn", "Self")
    return not (node.name.startswith("_") or is_property or nothing)


def test_public_functions_say_what_they_return() -> None:
    silent = [
        f"{name_of(path)}:{node.name}"
        for path in CODE
        for node in ast.walk(trees()[path])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and results(node)
        and (text := ast.get_docstring(node))
        and not RETURNS.search(text)
    ]
    assert silent == []


def test_a_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = {}
    for path in CODE:
        for node in trees()[path].body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


ALIASES = {("hypothesis", "strategies", "st"), ("", "sqlalchemy", "sa")}
"""The import aliases that these libraries' own documents use; no other is allowed."""


def test_what_is_imported_keeps_its_name() -> None:
    renamed = [
        (name_of(path), one.name, one.asname)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in node.names
        if one.asname is not None
        and (getattr(node, "module", ""), one.name, one.asname) not in ALIASES
    ]
    assert renamed == []


@cache
def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as forges and the site make them."""
    heads = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads}


def links() -> Iterator[tuple[Path, str]]:
    """Every link of a document to another, or within itself."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(\s*(?!https?:)([^)\s]+)", text):
            yield path, link


def leads_somewhere(path: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    # The reference's other anchors are made with the site, which checks them.
    unchecked = not anchor or "docs/reference" in str(target)
    return target.exists() and (unchecked or anchor in anchors(target))


def test_links_within_the_project_lead_somewhere() -> None:
    dead = [(name_of(path), link) for path, link in links() if not leads_somewhere(path, link)]
    assert dead == []


def test_paths_within_the_project_lead_somewhere() -> None:
    path_of_ours = re.compile(
        r"`((?:pypisync|tests|docs|deploy|systemd|migrations)/[\w./-]+)`",
    )
    dead = [
        (name_of(path), name)
        for path in DOCUMENTS
        for name in path_of_ours.findall(path.read_text("utf-8"))
        if not (ROOT / name).exists()
    ]
    assert dead == []


def test_migrations_follow_one_another() -> None:
    """Two that were written at the same time would both be the newest."""
    names = sorted(path.name for path in MIGRATIONS if path.name[:4].isdigit())
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
