"""Public docstrings name the errors that their functions raise, also those of what they call.

A call is followed where its name tells what is called: a function or class of the product, one of
an imported module, a method of ``self``. What a function catches is not its own error. The words
may stand in the docstring of the function, of its class or of its module. ValueError and OSError
are followed no further than the function that raises them: whoever passes on a text that was
checked before does not raise them.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.parsed import parsed

ROOT = Path(__file__).parents[1]
NOT_PASSED_ON = {"ValueError", "OSError"}
NEVER_SAID = {"AssertionError", "NotImplementedError", "RuntimeError"}  # faults of the code itself

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Known:
    """A function, and what the names in it stand for."""

    node: Function
    scope: Mapping[str, str]  # names of its module -> qualified names
    owner: str  # the qualified name of its class, or of its module
    said: str  # the docstrings that speak of it


@cache
def trees() -> Mapping[Path, ast.Module]:
    """Every module of the product, parsed."""
    return parsed((ROOT / "pypisync").rglob("*.py"))


@cache
def bases() -> Mapping[str, list[str]]:
    """The classes of the product with their bases, by their short names."""
    return {
        node.name: [ast.unparse(base).rpartition(".")[2] for base in node.bases]
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


@cache
def kinds(name: str) -> frozenset[str]:
    """An exception and all its bases."""
    if name in bases():
        return frozenset({name}.union(*map(kinds, bases()[name])))
    known = getattr(builtins, name, None)
    return (
        frozenset(one.__name__ for one in known.__mro__) if isinstance(known, type) else frozenset()
    )


@cache
def functions() -> Mapping[str, Known]:
    """Every function and method of the rooms by its qualified name.

    Commands are not among them: what they raise is told, and ends in an exit code.
    """
    found: dict[str, Known] = {}
    for path, tree in trees().items():
        if path.is_relative_to(ROOT / "pypisync" / "cli"):
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        scope = {
            one.name: f"{node.module}.{one.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for one in node.names
        }
        scope |= {one.name: f"{module}.{one.name}" for one in tree.body if hasattr(one, "name")}
        whole = ast.get_docstring(tree) or ""
        for node in tree.body:
            owner, said, inner = module, whole, [node]
            if isinstance(node, ast.ClassDef):
                owner, inner = f"{module}.{node.name}", node.body
                said = f"{whole} {ast.get_docstring(node)}"
            for one in inner:
                if isinstance(one, Function):
                    words = f"{said} {ast.get_docstring(one) or ''}"
                    found[f"{owner}.{one.name}"] = Known(one, scope, owner, words)
    return found


def called(call: ast.Call, by: Known) -> str:
    """The qualified name of what is called; "" if its name does not tell."""
    name = ""
    match call.func:
        case ast.Name(id=one):
            name = by.scope.get(one, "")
        case ast.Attribute(value=ast.Name(id="self"), attr=attr):
            name = f"{by.owner}.{attr}"
        case ast.Attribute(value=ast.Name(id=one), attr=attr) if one in by.scope:
            name = f"{by.scope[one]}.{attr}"
    return name if name in functions() else f"{name}.__init__"


def caught(handler: ast.ExceptHandler) -> set[str]:
    """The names of what a handler catches."""
    if handler.type is None:
        return {"BaseException"}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(one).rpartition(".")[2] for one in types}


def leaving(nodes: Iterable[ast.AST], by: Known, passed: Mapping[str, frozenset[str]]) -> set[str]:
    """The exceptions that leave these statements."""
    found: set[str] = set()
    for node in nodes:
        inside: Iterable[ast.AST] = ast.iter_child_nodes(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                continue
            case ast.Try(body=body, handlers=handlers):
                tried = leaving(body, by, passed)
                for handler in handlers:
                    again = any(isinstance(n, ast.Raise) and not n.exc for n in ast.walk(handler))
                    if not again:
                        tried = {one for one in tried if not kinds(one) & caught(handler)}
                found |= tried
                inside = [*handlers, *node.orelse, *node.finalbody]
            case ast.With(items=items) if "suppress" in ast.unparse(items[0].context_expr):
                names = set(re.findall(r"\w+", ast.unparse(items[0].context_expr)))
                found |= {n for n in leaving(node.body, by, passed) if not kinds(n) & names}
                continue
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) | ast.Name(id=name)):
                found |= {name} if kinds(name) else set()
            case ast.Call():
                found |= passed.get(called(node, by), frozenset()) - NOT_PASSED_ON
        found |= leaving(inside, by, passed)
    return found - NEVER_SAID


def callers() -> Mapping[str, set[str]]:
    """Who calls each function."""
    found: dict[str, set[str]] = {}
    for name, one in functions().items():
        for node in ast.walk(one.node):
            if isinstance(node, ast.Call):
                found.setdefault(called(node, one), set()).add(name)
    return found


def raised() -> Mapping[str, frozenset[str]]:
    """What each function raises, itself or by what it calls, until nothing is added."""
    found = dict.fromkeys(functions(), frozenset[str]())
    asks = callers()
    left = set(found)
    while left:
        name = left.pop()
        one = functions()[name]
        now = frozenset(leaving(one.node.body, one, found))
        if now != found[name]:
            found[name] = now
            left |= asks.get(name, set())
    return found


def test_public_docstrings_name_the_errors() -> None:
    silent = {}
    for name, errors in raised().items():
        one = functions()[name]
        public = not any(part.startswith("_") for part in name.split("."))
        words = set(re.findall(r"\w+", one.said))
        if public and ast.get_docstring(one.node):
            missing = {one for one in errors if one[0] != "_" and not kinds(one) & words}
            if missing:
                silent[name] = missing
    assert silent == {}
