"""The roots and the subject that a group makes, and how what is wrong in its file is told."""

import pytest

from pypisync.core.standards.requirements import parse
from pypisync.core.wanted import selector
from pypisync.core.wanted.groups import (
    Fault,
    Group,
    Locked,
    Remarks,
    Subject,
    TextFile,
    group_text,
    limits,
    means,
    merged,
    of_group,
    of_root,
    roots_of,
)
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


def test_a_group_is_a_subject_with_its_constraints() -> None:
    lines, bounds = (parse("a>=1"), parse("b; os_name == 'nt'")), (parse("b<2"),)
    group = Group("reqs.txt", resolve=True, requirements=lines, constraints=bounds)
    assert of_group(group) == Subject("group reqs.txt", lines, bounds)
    assert group_text(group.name) == "group reqs.txt"
    root = parse("celery[redis]<6")
    assert of_root(root) == Subject("celery[redis]<6", (root,))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], {}),
        (["a<2"], {"a": ["a<2"]}),
        (["a<2", "b", "a>1"], {"a": ["a<2", "a>1"], "b": ["b"]}),
    ],
)
def test_constraints_are_known_by_project(lines: list[str], expected: dict[str, list[str]]) -> None:
    found = limits(map(parse, lines))
    assert {name: [one.text for one in some] for name, some in found.items()} == expected


@pytest.mark.parametrize(
    ("given", "text", "expected"),
    [
        ("group reqs.txt", "group reqs.txt", True),
        ("reqs.txt", "group reqs.txt", True),
        ("reqs", "group reqs.txt", False),
        ("Reqs.txt", "group reqs.txt", False),
        ("celery", "celery[redis]<6", True),
        ("Celery", "celery[redis]<6", True),
        ("celery[redis]<6", "celery[redis]<6", True),
        ("celery[redis] < 6", "celery[redis]<6", True),
        ("celery<6", "celery[redis]<6", False),
        ("celer", "celery[redis]<6", False),
        ("my_app", "my-app>=1", True),
        ("my.app", "my-app==1", True),
        ("my-app", "my-app!=1", True),
        ("my-app", "my-app~=1.0", True),
        ("my-app", "my-app", True),
        ("app", "my-app", False),
    ],
)
def test_a_subject_is_named_by_its_text_its_file_or_its_project(
    given: str, text: str, expected: bool
) -> None:
    assert means(given, text) is expected


def test_a_fault_is_told_with_its_place_and_without_secrets() -> None:
    assert str(Fault("r.txt", 3, "x y", "one name")) == 'r.txt:3: "x y": one name'
    secret = str(Fault("r.txt", 1, "https://me:pass@host/x", "an index"))
    assert "pass" not in secret
    assert str(Fault("r.txt", 1, "x\x1b[2J", "no")) == 'r.txt:1: "x?[2J": no'
    for length, shown in ((80, "x" * 80), (81, "x" * 77 + "...")):
        assert str(Fault("f", 1, "x" * length, "no")) == f'f:1: "{shown}": no'


def test_remarks_are_kept_in_their_order_and_notes_once() -> None:
    remarks = Remarks()
    source = TextFile("r.txt", "/r.txt", "")
    remarks.note(source, 2, "--pre is ignored")
    remarks.note(source, 1, "--pre is ignored")
    remarks.note(source, 2, "--pre is ignored")
    remarks.fault(source, 5, "b", "no")
    remarks.fault(source, 4, "a", "no")
    assert list(remarks.notes) == ["r.txt:2: --pre is ignored", "r.txt:1: --pre is ignored"]
    assert remarks.faults == [Fault("r.txt", 5, "b", "no"), Fault("r.txt", 4, "a", "no")]
