"""The roots that a group makes."""

import pytest

from pypisync.core.standards.requirements import parse
from pypisync.core.wanted import selector
from pypisync.core.wanted.groups import Group, Locked, merged, roots_of
from pypisync.core.wanted.roots import NamedFile, Origin, Root


@pytest.mark.parametrize(
    ("requirements", "constraints", "expected"),
    [
        (["a"], [], ["a latest"]),
        (["A.b[X]>=1 ; os_name == 'nt'"], [], ['a-b[x] latest>=1 ; os_name == "nt"']),
        (["a>=1"], ["a<3", "b<1"], ["a latest<3,>=1"]),
        (["a>=1", "a<3"], [], ["a latest<3,>=1", "a latest<3,>=1"]),
        (["a", "a<2 ; os_name == 'nt'"], [], ["a latest", 'a latest<2 ; os_name == "nt"']),
        (["a ; os_name == 'nt'"], ["a<2 ; os_name == 'nt'", "a<3 ; os_name == 'posix'"],
         ['a latest<2 ; os_name == "nt"']),
        (["a==1.0"], [], ["a 1.0"]),
        (["a"], ["a==1.00"], ["a 1.0"]),
        (["a===1.0+local"], [], ["a 1.0+local"]),
        (["a==1.*"], [], ["a latest==1.*"]),
        (["a===odd"], [], ["a latest===odd"]),
        (["a~=1.2,!=1.3"], [], ["a latest!=1.3,~=1.2"]),
    ],
)  # fmt: skip
def test_requirements_become_lines(
    requirements: list[str], constraints: list[str], expected: list[str]
) -> None:
    group = Group(
        "f",
        resolve=True,
        requirements=tuple(map(parse, requirements)),
        constraints=tuple(map(parse, constraints)),
    )
    found = list(roots_of(group))
    assert [_shown(line) for line in found] == expected
    for line in found:
        assert selector.parse_selector(line.selector).text == line.selector


def _shown(line: Root) -> str:
    extras = f"[{','.join(line.extras)}]" if line.extras else ""
    marker = f" ; {line.marker}" if line.marker else ""
    return f"{line.project}{extras} {line.selector}{marker}"


def test_pins_become_lines_of_their_own_kind() -> None:
    files = (NamedFile("a-1.0.tar.gz"), NamedFile(sha256="0" * 64))
    group = Group("f", resolve=False, locked=(Locked("a", "1.0", files), Locked("b", "2.0")))
    assert list(roots_of(group)) == [
        Root("a", "1.0", (), Origin.GROUP, "f", pinned=True, files=files),
        Root("b", "2.0", (), Origin.GROUP, "f", pinned=True),
    ]


def test_pins_of_one_release_add_up() -> None:
    one, two = NamedFile("x"), NamedFile("y")
    assert merged([Locked("b", "1", (two,)), Locked("a", "1"), Locked("b", "1", (one, two))]) == (
        Locked("a", "1"),
        Locked("b", "1", (two, one)),
    )
