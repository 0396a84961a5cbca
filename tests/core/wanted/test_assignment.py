"""Which indexes may be asked for which project."""

import pytest

from pypisync.core.wanted.assignment import Assignment, Share

OWN = Share("own", ("acme-*", "torch"))
PYTORCH = Share("pytorch", ("torch", "torchvision"))
COMPANY = Share("company")
ENDPOINT = Share("endpoint")


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("flask", ("company", "endpoint")),
        ("acme-core", ("own",)),
        ("acme", ("company", "endpoint")),
        ("torch", ("own",)),  # two name it: the first in order
        ("torchvision", ("pytorch",)),
        ("torchvision-extra", ("company", "endpoint")),
        ("secret", ()),
        ("secret-x1", ()),
        ("secrets", ("company", "endpoint")),
    ],
)
def test_who_may_be_asked(project: str, expected: tuple[str, ...]) -> None:
    shares = (OWN, PYTORCH, COMPANY, ENDPOINT)
    assignment = Assignment(shares, reserved=("acme-*", "secret", "secret-[xy]?"))
    assert assignment.indexes_of(project) == expected
    assert not assignment.united(project)


def test_a_union_is_of_the_indexes_that_name_the_project_or_of_those_that_name_none() -> None:
    shares = (OWN, PYTORCH, COMPANY, ENDPOINT)
    assignment = Assignment(shares, union=("torch*", "numpy"))
    assert assignment.indexes_of("torch") == ("own", "pytorch")
    assert assignment.united("torch")
    assert assignment.indexes_of("torchvision") == ("pytorch",)
    assert not assignment.united("torchvision")
    assert assignment.united("numpy")
    assert not assignment.united("flask")


def test_names_are_known_where_no_pattern_stands_for_several() -> None:
    assignment = Assignment((OWN, PYTORCH, COMPANY))
    named = [assignment.named(index) for index in ("own", "pytorch", "company")]
    assert named == [None, ("torch", "torchvision"), None]


@pytest.mark.parametrize(
    ("shares", "reserved", "idle"),
    [
        ((OWN, ENDPOINT), (), []),
        ((Share("all", ("*",)), ENDPOINT), (), ["endpoint"]),
        ((Share("all", ("*",)), COMPANY, ENDPOINT), (), ["company", "endpoint"]),
        ((OWN, ENDPOINT), ("*",), ["endpoint"]),
        ((OWN, ENDPOINT), ("acme-*",), []),
    ],
)
def test_no_project_can_come_from_an_index_of_which_nothing_is_left(
    shares: tuple[Share, ...], reserved: tuple[str, ...], idle: list[str]
) -> None:
    assignment = Assignment(shares, reserved)
    assert [share.name for share in shares if assignment.idle(share.name)] == idle
    for name in idle:
        assert name not in assignment.indexes_of("flask")
