"""What the words of the standards tell of themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypisync.core.standards.model import (
    DIRECT,
    FORMS,
    Pin,
    Requirement,
    Target,
    Targets,
    names_extra,
)
from pypisync.core.standards.requirements import parse


@pytest.mark.parametrize(
    ("line", "impossible"),
    [
        ("a", ""),
        ("a>=1; os_name == 'nt'", ""),
        ("a @ https://h/a.whl", DIRECT),
        ("a @ https://h/a.whl ; extra == 'x'", DIRECT),
        ("a ???", parse("a ???").fault),
    ],
)
def test_why_nothing_can_ever_meet_a_requirement(line: str, impossible: str) -> None:
    assert parse(line).impossible == impossible


def test_what_pip_alone_refuses_can_be_met() -> None:
    assert Requirement("a>=1<2", "a", "<2,>=1", refused="no comma").impossible == ""


def test_a_package_has_its_extras_in_its_name() -> None:
    assert Pin("requests", "2.0").package == "requests"
    assert Pin("celery", "5.0", ("redis", "s3")).package == "celery[redis,s3]"
    assert Pin("a", "1").chosen_by == "solver"
    assert Pin("a", "1").added is False


TARGETS = tuple(Target(f"3.{n}", f"3.{n}", {}) for n in range(5))


@given(st.integers(0, 5), st.integers(0, 255))
def test_a_mask_names_targets(count: int, mask: int) -> None:
    some = Targets(TARGETS[:count], ())
    assert some.mask == 2**count - 1
    expected = [one.name for i, one in enumerate(TARGETS[:count]) if mask & 2**i]
    assert some.names(mask) == expected
    assert some.names(some.mask) == [one.name for one in some.all]


@pytest.mark.parametrize(
    ("marker", "expected"),
    [("", False), ("os_name == 'nt'", False), ("extra == 'x'", True), ("'x' in extras", True)],
)
def test_a_marker_with_the_word_may_belong_to_an_extra(marker: str, expected: bool) -> None:
    assert names_extra(marker) is expected


def test_the_forms_of_documents_from_the_poorest_on() -> None:
    """The catalog compares them by their place here."""
    assert FORMS == ("legacy", "html", "json")
