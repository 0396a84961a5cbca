"""What the policy bars, rule by rule, and what is kept of a release then."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.display import show_moment
from pypisync.core.environments import targets
from pypisync.core.environments.proof_targets import Machines
from pypisync.core.filters.file_rules import FileFacts, FilePolicy, keep
from pypisync.core.filters.policy import Bar, Block, Policy, judge
from pypisync.core.standards.filenames import parse
from pypisync.core.standards.model import File
from pypisync.core.values import moment
from tests.deep import scaled

SHA = "ab" * 32
NAME = "foo-1.0-py3-none-any.whl"
UPLOADED = "2026-03-01T12:00:00.25Z"
FILE = File(NAME, f"https://h/{NAME}", SHA, 1000, UPLOADED)
AT = moment(UPLOADED)
DAY = 86400
YOUNG = Bar("younger than 7 days until 2026-03-08T12:00:01Z", AT + 7 * DAY)
FROZEN = Bar("uploaded after 2026-03-01T12:00:00Z, when the policy froze")
UNDATED = Bar("of an unknown upload time, and the policy asks for one")
UNSIZED = Bar("of an unknown size, and the policy allows 1 KiB")
FREEZE = moment("2026-03-01T12:00:00Z")

CASES: list[tuple[Policy, float, dict[str, object], Bar | None]] = [
    (Policy(), 0, {}, None),
    # age
    (Policy(min_age=7 * DAY), AT, {}, YOUNG),
    (Policy(min_age=7 * DAY), AT + 7 * DAY - 0.125, {}, YOUNG),
    (Policy(min_age=7 * DAY), AT + 7 * DAY, {}, None),
    (Policy(min_age=7 * DAY), AT + 9 * DAY, {"uploaded": None}, UNDATED),
    (Policy(min_age_of=(("foo", 7 * DAY),)), AT, {}, YOUNG),
    (Policy(min_age=9 * DAY, min_age_of=(("foo", 7 * DAY),)), AT, {}, YOUNG),
    (Policy(min_age=9 * DAY, min_age_of=(("foo", 0),)), AT, {}, None),
    (Policy(min_age=9 * DAY, min_age_of=(("foo", 0),)), AT, {"uploaded": None}, None),
    (Policy(min_age_of=(("bar", 7 * DAY),)), AT, {"uploaded": None}, None),
    (
        Policy(min_age=DAY),
        AT,
        {"uploaded": "9999-12-31T23:59:59Z"},
        Bar("younger than 1 day until the end of time", moment("9999-12-31T23:59:59Z") + DAY),
    ),
    # the cut-off
    (Policy(freeze_at=FREEZE), AT + 99 * DAY, {}, FROZEN),
    (Policy(freeze_at=AT), AT, {}, None),
    (Policy(freeze_at=FREEZE), AT, {"uploaded": None}, UNDATED),
    (Policy(freeze_at=FREEZE, min_age=7 * DAY), AT, {}, FROZEN),
    # size
    (Policy(max_file_size=1000), AT, {}, None),
    (Policy(max_file_size=999), AT, {}, Bar("larger than 999 B: 1000 B")),
    (Policy(max_file_size=1024), AT, {"size": None}, UNSIZED),
    # exemptions
    (Policy(min_age=DAY, max_file_size=1, exempt=(("foo", "1.0"),)), AT, {}, None),
    (Policy(freeze_at=FREEZE, exempt=(("foo", "1.0.0"),)), AT, {}, None),
    (Policy(min_age=7 * DAY, exempt=(("foo", "1.1"), ("bar", "1.0"))), AT, {}, YOUNG),
    (Policy(block=(Block("no", "foo"),), exempt=(("foo", "1.0"),)), AT, {}, Bar("blocked: no")),
    # blocks
    (Policy(block=(Block("no", "foo"),)), AT, {}, Bar("blocked: no")),
    (Policy(block=(Block("no", "bar"),)), AT, {}, None),
    (Policy(block=(Block("no", "foo", "<1"), Block("2", "foo", "<2"))), AT, {}, Bar("blocked: 2")),
    (Policy(block=(Block("no", filename=NAME),)), AT, {}, Bar("blocked: no")),
    (Policy(block=(Block("no", filename=NAME[1:]),)), AT, {}, None),
    (Policy(block=(Block("no", sha256=SHA),)), AT, {}, Bar("blocked: no")),
    (Policy(block=(Block("no", "foo", sha256="cd" * 32),)), AT, {}, None),
    (Policy(block=(Block("no", "bar", sha256=SHA),)), AT, {}, None),
    (Policy(min_age=7 * DAY, block=(Block("no", "foo"),)), AT, {}, Bar("blocked: no")),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "now", "changes", "bar"), CASES)
def test_what_is_barred(
    policy: Policy, now: float, changes: dict[str, object], bar: Bar | None
) -> None:
    file = replace(FILE, **changes)
    assert judge(policy, "foo", "1.0", file, (), now) == bar
    assert judge(policy.of("foo"), "foo", "1.0", file, (), now) == bar
    assert bar is None or not policy.idle


def test_what_is_vulnerable_is_barred_only_if_so_wished() -> None:
    bar = Bar("vulnerable: A-1, B-2")
    block = Policy(vulnerabilities="block")
    assert judge(block, "foo", "1.0", FILE, ["B-2", "A-1"], AT) == bar
    assert judge(block, "foo", "1.0", FILE, [], AT) is None
    assert judge(Policy(vulnerabilities="report"), "foo", "1.0", FILE, ["A-1"], AT) is None
    exempt = replace(block, exempt=(("foo", "1.0"),))
    assert judge(exempt, "foo", "1.0", FILE, ["A-1"], AT) is None
    assert judge(replace(block, min_age=7 * DAY), "foo", "1.0", FILE, ["A-1"], AT) == YOUNG
    assert not block.idle


def test_pre_releases_and_local_versions_are_blocked_as_specifiers_say() -> None:
    policy = Policy(block=(Block("no", "foo", "<2"),))
    for version, barred in (("1.9", True), ("2.0rc1", False), ("1.0+local", True), ("2.0", False)):
        assert (judge(policy, "foo", version, FILE, (), AT) is not None) == barred, version


def test_a_moment_is_shown_to_the_second_that_is_not_before_it() -> None:
    assert show_moment(0.0) == "1970-01-01T00:00:00Z"
    assert show_moment(0.1) == "1970-01-01T00:00:01Z"
    assert show_moment(-0.1) == "1970-01-01T00:00:00Z"


# -- what is kept -------------------------------------------------------------------------------

LINUX = targets.targets({"python_version": ("3.11",), "sys_platform": ("linux",)})


def facts(filename: str, *, barred: bool) -> FileFacts:
    return FileFacts(parse("foo", filename), None, yanked=False, barred=barred)


@pytest.mark.parametrize(
    ("barred", "sdists", "kept", "builds"),
    [
        ((False, False), "always", (True, True), 0),
        ((True, False), "always", (False, True), 1),
        ((True, False), "never", (False, False), 0),
        ((False, False), "fallback", (True, False), 0),
        ((True, False), "fallback", (False, True), 1),
        ((False, True), "fallback", (True, False), 0),
        ((True, True), "always", (False, False), 0),
    ],
)
def test_what_is_barred_is_as_if_it_were_not_there(
    barred: tuple[bool, bool], sdists: str, kept: tuple[bool, bool], builds: int
) -> None:
    names = (NAME, "foo-1.0.tar.gz")
    files = [facts(name, barred=bar) for name, bar in zip(names, barred, strict=True)]
    policy = FilePolicy(sdists=sdists)  # type: ignore[arg-type]
    answer = keep(files, policy, LINUX, Machines())
    assert tuple(wanted for wanted, _ in answer.files) == kept
    assert answer.admits == answer.admits_yanked == (1 if any(kept) else 0)
    assert answer.builds == builds


POLICIES = st.builds(
    Policy,
    min_age=st.sampled_from((0, 0, DAY, 7 * DAY)),
    min_age_of=st.sampled_from(((), (("foo", 3 * DAY),), (("foo", 0), ("bar", DAY)))),
    exempt=st.sampled_from(((), (("foo", "1.0.0"),), (("bar", "1.0"),))),
    freeze_at=st.sampled_from((None, None, AT - DAY, AT + DAY)),
    block=st.sampled_from(((), (Block("bad", "foo", "<1"),), (Block("bad", filename=NAME),))),
    max_file_size=st.sampled_from((None, 999, 1000)),
    vulnerabilities=st.sampled_from(("ignore", "warn", "block")),
)
FILES = st.builds(
    lambda uploaded, size: replace(FILE, uploaded=uploaded, size=size),
    st.sampled_from((UPLOADED, None)),
    st.sampled_from((1000, None, 10**6)),
)
VULNERABLE = st.sampled_from(((), ("PYSEC-1",)))
SECONDS = st.integers(-2 * DAY, 10 * DAY)


@given(POLICIES, FILES, VULNERABLE, SECONDS)
@settings(max_examples=scaled(300))
def test_what_concerns_a_project_judges_its_files_alike(
    policy: Policy, file: File, vulnerable: tuple[str, ...], after: int
) -> None:
    whole = judge(policy, "foo", "1.0", file, vulnerable, AT + after)
    assert judge(policy.of("foo"), "foo", "1.0", file, vulnerable, AT + after) == whole
    if policy.idle:
        assert whole is None


@given(POLICIES, FILES, VULNERABLE, SECONDS, st.integers(0, 10 * DAY))
@settings(max_examples=scaled(300))
def test_time_only_lifts_a_bar_and_does_so_when_it_was_said(
    policy: Policy, file: File, vulnerable: tuple[str, ...], after: int, later: int
) -> None:
    """What age bars ends at the stated moment; what is not barred never becomes so by waiting."""

    def at(now: float) -> Bar | None:
        return judge(policy, "foo", "1.0", file, vulnerable, now)

    first, then = at(AT + after), at(AT + after + later)
    if first is None:
        assert then is None
    elif first.until is None:
        assert then == first
    else:
        lifted = at(first.until)
        assert lifted is None or lifted.until is None
        assert then == (lifted if AT + after + later >= first.until else first)
