"""What the disk refuses is told by a StorageError, wherever it is looked at: by the code's shape.

A call that may end with an OSError stands in ``with disk.guarded(path)`` (or ``opened``, which is
guarded as well), or where OSError is caught, or in a function that says that it raises OSError.
"""

import ast
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from tests.parsed import parsed

ROOT = Path(__file__).parents[2] / "pypisync"
LOOKS = {
    *("chmod", "exists", "glob", "is_dir", "is_file", "is_symlink", "iterdir", "lstat"),
    *("readlink", "samefile"),
}
OF_OS = {
    *("chmod", "fchmod", "fstat", "fsync", "ftruncate", "link", "listdir", "lstat", "mkdir"),
    *("open", "pread", "read", "readlink", "remove", "rename", "replace", "rmdir", "scandir"),
    *("stat", "statvfs", "symlink", "unlink", "write"),
}


def touches(call: ast.Call) -> bool:
    """Whether it is a call of the disk, by its name: of a path's method, or of a function."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)):
            return name in OF_OS
        case ast.Call(func=ast.Attribute(attr="open"), args=[ast.Constant(), *_]):
            return True
        case ast.Call(func=ast.Attribute(attr="stat"), args=[]):
            return True
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in LOOKS
    return False


def unguarded(node: ast.AST) -> Iterator[ast.Call]:
    """The calls below a node for which nothing turns an OSError into something else."""
    inner: list[ast.AST] = [*ast.iter_child_nodes(node)]
    match node:
        case ast.FunctionDef() if "OSError" in (ast.get_docstring(node) or ""):
            return
        case ast.With(items=items) if any(map(guards, items)):
            inner = [*takewhile(lambda item: not guards(item), items)]
        case ast.Try(handlers=handlers) if any(one.type and names(one.type) for one in handlers):
            inner = [*handlers, *node.orelse, *node.finalbody]
        case ast.Call() if touches(node):
            yield node
    for one in inner:
        yield from unguarded(one)


def guards(item: ast.AST) -> bool:
    return bool(re.search("guarded|opened|OSError", ast.unparse(item)))


def names(kind: ast.AST) -> bool:
    return bool(re.search(r"\bOSError\b", ast.unparse(kind)))


def test_every_look_at_the_disk_is_guarded() -> None:
    files = [path for room in ("storage", "cycle") for path in (ROOT / room).glob("*.py")]
    assert [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for path, tree in parsed(files).items()
        for call in unguarded(tree)
    ] == []
