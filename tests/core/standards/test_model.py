"""What the words of the standards tell of themselves."""

import pytest

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


def test_a_mask_has_a_bit_for_each_target() -> None:
    assert [Targets(TARGETS[:count], ()).mask for count in range(4)] == [0, 0b1, 0b11, 0b111]


@pytest.mark.parametrize(
    ("marker", "expected"),
    [("", False), ("os_name == 'nt'", False), ("extra == 'x'", True), ("'x' in extras", True)],
)
def test_a_marker_with_the_word_may_belong_to_an_extra(marker: str, expected: bool) -> None:
    assert names_extra(marker) is expected


def test_the_forms_of_documents_from_the_poorest_on() -> None:
    """The catalog compares them by their place here."""
    assert FORMS == ("legacy", "html", "json")
