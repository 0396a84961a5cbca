"""The parts of a policy: what a block concerns, what is exempt, which rule a reason is of."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pypisync.core.filters.policy import RULES, Bar, Block, Policy, blocked, judge, rule
from pypisync.core.standards.model import File
from pypisync.core.values import moment
from tests.deep import scaled

DAY = 86400
UPLOADED = "2026-03-01T12:00:00Z"
AT = moment(UPLOADED)
ONE, TWO = "ab" * 32, "cd" * 32
NAMES = st.sampled_from(("foo", "bar"))
FILENAMES = st.sampled_from(("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl"))
HASHES = st.sampled_from((ONE, TWO))
VERSIONS = st.sampled_from(("0.9", "1.0", "1.0+local", "2.0rc1", "2.0"))
SPECIFIERS = st.sampled_from(("", "<1", "==1.0", ">=1,<2", "==2.*", ">=2.0rc1", "!=1.0"))
BLOCKS = st.builds(
    Block,
    st.sampled_from(("a", "b")),
    st.one_of(st.just(""), NAMES),
    SPECIFIERS,
    st.one_of(st.just(""), FILENAMES),
    st.one_of(st.just(""), HASHES),
)


@given(BLOCKS, NAMES, VERSIONS, FILENAMES, HASHES)
@settings(max_examples=scaled(200))
def test_all_conditions_of_a_block_must_hold(
    block: Block, project: str, version: str, filename: str, sha256: str
) -> None:
    expected = all(
        (
            not block.name or block.name == project,
            not block.specifier
            or SpecifierSet(block.specifier).contains(version, prereleases=True),
            not block.filename or block.filename == filename,
            not block.sha256 or block.sha256 == sha256,
        )
    )
    assert block.bars(project, version, filename, sha256) is expected


@given(st.lists(BLOCKS, max_size=4), NAMES, VERSIONS, FILENAMES, HASHES)
@settings(max_examples=scaled(200))
def test_the_first_block_that_bars_gives_the_reason(
    blocks: list[Block], project: str, version: str, filename: str, sha256: str
) -> None:
    policy = Policy(block=tuple(blocks))
    reasons = [b.reason for b in blocks if b.bars(project, version, filename, sha256)]
    expected = f"blocked: {reasons[0]}" if reasons else ""
    assert blocked(policy, project, version, filename, sha256) == expected
    assert blocked(policy.of(project), project, version, filename, sha256) == expected


@given(
    st.lists(st.tuples(NAMES, st.sampled_from(("1", "1.0", "1.0.0", "2.0", "1.0+local")))),
    NAMES,
    VERSIONS,
)
def test_an_exemption_is_for_one_version_however_it_is_spelt(
    exempt: list[tuple[str, str]], project: str, version: str
) -> None:
    policy = Policy(exempt=tuple(exempt))
    expected = any(n == project and Version(v) == Version(version) for n, v in exempt)
    assert policy.exempts(project, version) is expected
    assert policy.of(project).exempts(project, version) is expected


FILE = File("foo-1.0.tar.gz", "https://h/foo-1.0.tar.gz", ONE, 2048, UPLOADED)


@pytest.mark.parametrize(
    ("policy", "changes", "name", "bar"),
    [
        (Policy(block=(Block("no"),)), {}, "block", Bar("blocked: no")),
        (
            Policy(min_age=1),
            {"uploaded": None},
            "undated",
            Bar("of an unknown upload time, and the policy asks for one"),
        ),
        (
            Policy(freeze_at=AT - 1),
            {},
            "freeze_at",
            Bar("uploaded after 2026-03-01T11:59:59Z, when the policy froze"),
        ),
        (
            Policy(min_age=2 * DAY),
            {},
            "min_age",
            Bar("younger than 2 days until 2026-03-03T12:00:00Z", AT + 2 * DAY),
        ),
        (
            Policy(max_file_size=2047),
            {},
            "max_file_size",
            Bar("larger than 2,047 bytes: 2,048 bytes"),
        ),
        (
            Policy(max_file_size=0),
            {"size": None},
            "max_file_size",
            Bar("of an unknown size, and the policy allows 0 B"),
        ),
        (Policy(vulnerabilities="block"), {}, "vulnerabilities", Bar("vulnerable: CVE-1, PYSEC-2")),
    ],
)
def test_each_reason_is_of_one_rule(
    policy: Policy, changes: dict[str, object], name: str, bar: Bar
) -> None:
    file = replace(FILE, **changes)
    found = judge(policy, "foo", "1.0", file, ("PYSEC-2", "CVE-1"), AT)
    assert found == bar
    assert found is not None
    assert rule(found.reason) == name
    assert not policy.idle


def test_the_rules_have_these_names() -> None:
    """Operators filter by them."""
    assert RULES == (
        "block", "undated", "freeze_at", "min_age", "max_file_size", "vulnerabilities"
    )  # fmt: skip


def test_a_policy_is_idle_if_it_can_bar_nothing() -> None:
    assert Policy().idle
    assert Policy(vulnerabilities="report").idle
    for change in (
        {"min_age": 1},
        {"min_age_of": (("foo", 1),)},
        {"freeze_at": 0.0},
        {"block": (Block("no", "foo"),)},
        {"max_file_size": 1},
        {"vulnerabilities": "block"},
    ):
        assert not replace(Policy(), **change).idle, change
    said = {one: Policy(vulnerabilities=one) for one in ("ignore", "report", "block")}
    assert [one for one, policy in said.items() if policy.examines] == ["report", "block"]
    assert [one for one, policy in said.items() if policy.blocks_vulnerable] == ["block"]


def test_one_projects_part_of_a_policy_has_no_others() -> None:
    whole = Policy(
        min_age=DAY,
        min_age_of=(("foo", 2 * DAY), ("bar", 3 * DAY)),
        exempt=(("foo", "1.0"), ("bar", "2.0")),
        freeze_at=AT,
        block=(Block("all"), Block("foo", "foo"), Block("bar", "bar")),
        max_file_size=5,
        vulnerabilities="block",
    )
    assert whole.of("foo") == replace(
        whole,
        min_age=2 * DAY,
        min_age_of=(),
        exempt=(("foo", "1.0"),),
        block=(Block("all"), Block("foo", "foo")),
    )
    assert whole.of("baz") == replace(whole, min_age_of=(), exempt=(), block=(Block("all"),))


def test_the_lasting_reasons_come_first() -> None:
    """Of two rules that bar a file, the one that time does not lift is told."""
    rules: dict[str, dict[str, object]] = {
        "block": {"block": (Block("no"),)},
        "max_file_size": {"max_file_size": 1},
        "freeze_at": {"freeze_at": AT - 1},
        "min_age": {"min_age": DAY},
        "vulnerabilities": {"vulnerabilities": "block"},
    }
    names = list(rules)
    for first, second in product(names, names):
        policy = replace(Policy(), **rules[first], **(rules[second] if first != second else {}))
        bar = judge(policy, "foo", "1.0", FILE, ("CVE-1",), AT)
        assert bar is not None
        assert rule(bar.reason) == min((first, second), key=names.index)
