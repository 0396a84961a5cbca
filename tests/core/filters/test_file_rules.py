"""What is kept of a release and whom it serves, told for one target and one machine at a time."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pypisync.core.environments.proof_targets import Machines, served
from pypisync.core.environments.targets import python_mask, targets
from pypisync.core.environments.wheel_tags import usable_mask
from pypisync.core.filters.file_rules import (
    FileFacts,
    FilePolicy,
    Rules,
    excluded,
    fingerprint,
    keep,
    left_out,
    taken,
)
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.filenames import parse
from pypisync.core.standards.requires_python import INSTALLERS, Installer
from tests.core.filters.oracle import (
    ENVIRONMENT,
    MACHINES,
    TARGETS,
    admitted,
    on_machine,
    pick,
    source,
    tags,
)
from tests.deep import scaled

NAMES = (
    "foo-1.0-py3-none-any.whl",
    "foo-1.0-py2-none-any.whl",
    "foo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
    "foo-1.0-cp312-cp312-manylinux_2_39_x86_64.whl",  # newer than the machine's glibc
    "foo-1.0-cp39-abi3-win_amd64.whl",
    "foo-1.0-cp39-cp39-musllinux_1_2_x86_64.whl",
    "foo-1.0-2-py3-none-any.whl",
    "foo-1.0-3-py3-None-any.whl",
    "foo-1.0-PY2.py3-none-ANY.any.whl",
    "foo-1.0-CP312-cp312-Manylinux_2_17_x86_64.whl",
    "foo-1.0-py2.py3-none-any.whl",
    "foo-1.0.tar.gz",
    "foo-1.0.zip",
)
TIED = (NAMES[0], NAMES[-3])
PYTHONS = st.sampled_from((None, None, None, "", ">=3.10", "<3.10", ">=3.9,!=3.12.*", "3.x"))
REFUSED: tuple[dict[str, Any], ...] = (
    {}, {}, {}, {"refused_by": ("uv",)}, {"refused_by": ("pip", "uv")}, {"refused_by": ("pip",)},
    {"refused_by": ("pip",), "foreign": True}, {"refused_by": ("pip", "uv"), "foreign": True},
)  # fmt: skip
EXCLUDES = st.sampled_from(((), (), ("win",), ("manylinux", "musl"), (".zip",)))


@st.composite
def releases(draw: st.DrawFn) -> list[FileFacts]:
    """The files of one release."""
    return [
        FileFacts(
            parse("foo", name),
            draw(PYTHONS),
            yanked=draw(st.booleans()),
            barred=draw(st.sampled_from((False, False, False, True))),
            inside=draw(PYTHONS),
            **draw(st.sampled_from(REFUSED)),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    ]


POLICIES = st.builds(
    FilePolicy,
    EXCLUDES,
    st.sampled_from(("all", "targets")),
    st.sampled_from(("always", "fallback", "never")),
)


class ForTarget:
    """How installers see a file on one of the targets."""

    def __init__(self, file: FileFacts, number: int) -> None:
        def paged(by: Installer) -> bool:
            return bool(python_mask(TARGETS, file.requires_python, by) >> number & 1)

        def inside(by: Installer) -> bool:
            return bool(python_mask(TARGETS, file.inside, by) >> number & 1)

        def fits(by: Installer) -> bool:
            return bool(usable_mask(tags(file, by), TARGETS) >> number & 1)

        sees = {by: fits(by) and paged(by) for by in INSTALLERS}
        takes = {by: sees[by] and inside(by) for by in INSTALLERS}
        self.some = any(takes.values())
        stays = all(takes[by] and by not in file.refused_by for by in INSTALLERS)
        self.unsure = any(sees.values()) and not stays


def kept_files(files: Sequence[FileFacts], policy: FilePolicy) -> list[bool]:
    """Which files the rules keep."""
    seen = [[ForTarget(f, t) for t in range(len(TARGETS.all))] for f in files]
    serves = [
        [
            any(
                on_machine(f, m, by, f.requires_python) and on_machine(f, m, by, f.inside)
                for by in INSTALLERS
            )
            for m in range(len(MACHINES.all))
        ]
        for f in files
    ]
    sound = [
        not f.barred and not any(text in f.parsed.remainder for text in policy.arch_exclude)
        for f in files
    ]
    kept = []
    for i, file in enumerate(files):
        if file.parsed.kind == "wheel":
            useful = any(one.some for one in seen[i]) or any(serves[i])
            kept.append(sound[i] and (policy.wheels == "all" or useful))
        else:
            kept.append(sound[i])
    places = [i for i, file in enumerate(files) if kept[i]]
    for i, file in enumerate(files):
        if file.parsed.kind == "sdist" and policy.sdists != "always":
            lacking = any(
                seen[i][t].some and is_built([files[k] for k in places if seen[k][t].some])
                for t in range(len(TARGETS.all))
            ) or any(
                serves[i][m] and is_built([files[k] for k in places if serves[k][m]])
                for m in range(len(MACHINES.all))
            )
            kept[i] = kept[i] and policy.sdists == "fallback" and lacking
    return kept


def is_built(usable: Sequence[FileFacts]) -> bool:
    """Whether an sdist is the best of these files: it is sound, or there is no wheel at all."""
    there = [f for f in usable if not f.yanked] or usable
    return len(there) > 0 and all(f.parsed.kind == "sdist" for f in there)


def mask(flags: Sequence[bool]) -> int:
    """The flags as bits."""
    return sum(1 << i for i, flag in enumerate(flags) if flag)


@given(releases(), POLICIES)
@settings(max_examples=scaled(200))
def test_each_target_is_served_as_if_there_were_no_other(
    files: list[FileFacts], policy: FilePolicy
) -> None:
    found = keep(files, policy, TARGETS, MACHINES)
    kept = kept_files(files, policy)
    assert [wanted for wanted, _ in found.files] == kept
    count = range(len(TARGETS.all))
    there = [file for file, wanted in zip(files, kept, strict=True) if wanted]
    for file, (wanted, admits_) in zip(files, found.files, strict=True):
        assert admits_ == (mask([ForTarget(file, t).some for t in count]) if wanted else 0)

    def some(t: int, *, yanked: bool = True, kinds: tuple[str, ...] = ("wheel", "sdist")) -> bool:
        return any(
            ForTarget(f, t).some and (yanked or not f.yanked) and f.parsed.kind in kinds
            for f in there
        )

    assert found.admits == mask([some(t, yanked=False) for t in count])
    assert found.admits_yanked == mask([some(t) for t in count])
    builds = [is_built([f for f in there if ForTarget(f, t).some]) for t in count]
    for m, machine in enumerate(MACHINES.all):
        usable = [
            f
            for f in there
            if any(
                on_machine(f, m, by, f.requires_python) and on_machine(f, m, by, f.inside)
                for by in INSTALLERS
            )
        ]
        of = served(machine, TARGETS)
        if found.built >> m & 1:  # see the test of "built"
            builds = [one or bool(of >> t & 1) for t, one in enumerate(builds)]
        elif is_built(usable):
            builds = [one or bool(of >> t & 1 and some(t)) for t, one in enumerate(builds)]
    assert found.builds == mask(builds)
    assert found.unsure == mask(
        [some(t) and any(ForTarget(f, t).unsure for f in there) for t in count]
    )


@given(releases(), POLICIES)
@settings(max_examples=scaled(200))
def test_each_machine_is_served_as_if_there_were_no_other(
    files: list[FileFacts], policy: FilePolicy
) -> None:
    found = keep(files, policy, TARGETS, MACHINES)
    there = [f for f, wanted in zip(files, kept_files(files, policy), strict=True) if wanted]
    count = range(len(MACHINES.all))

    def sees(m: int, *, yanked: bool) -> bool:
        return any(
            on_machine(f, m, by, f.requires_python)
            for f in there
            if yanked or not f.yanked
            for by in INSTALLERS
        )

    assert found.serves == mask([sees(m, yanked=False) for m in count])
    assert found.serves_yanked == mask([sees(m, yanked=True) for m in count])
    for by, passed in (("pip", found.not_pip), ("uv", found.not_uv)):
        assert by in INSTALLERS
        stays = []
        for m in count:
            file = pick(there, m, by)
            stays.append(
                file is not None
                and on_machine(file, m, by, file.requires_python)
                and admitted(source(there, file, m, by), m, by)
                and by not in source(there, file, m, by).refused_by
            )
        assert passed == found.serves_yanked & ~mask(stays)
    unseen = [not any(on_machine(f, m, "pip", f.requires_python) for f in there) for m in count]
    assert found.unseen_pip == found.serves_yanked & mask(unseen)
    by_uv = [pick(there, m, "uv") for m in count]
    outside = [
        file is not None
        and not (
            on_machine(file, m, "uv", file.requires_python)
            and admitted(source(there, file, m, "uv"), m, "uv")
        )
        for m, file in enumerate(by_uv)
    ]
    assert found.outside_uv == found.serves_yanked & mask(outside)
    for by, yanked in zip(INSTALLERS, (found.yanked_pip, found.yanked_uv), strict=True):
        for m in count:
            seen = [f for f in there if on_machine(f, m, by, f.requires_python)]
            alone = seen != [] and all(f.yanked for f in seen) and found.serves >> m & 1
            assert yanked >> m & 1 == bool(alone)


@given(releases())
@settings(max_examples=scaled(200))
def test_an_sdist_is_built_where_an_installer_takes_it(files: list[FileFacts]) -> None:
    found = keep(files, FilePolicy(), TARGETS, MACHINES)
    there = [f for f in files if not f.barred]
    for m in range(len(MACHINES.all)):
        is_built, none = bool(found.built >> m & 1), []
        for by in INSTALLERS:
            seen = [f for f in there if on_machine(f, m, by, f.requires_python)]
            taken_ = pick(there, m, by)
            if taken_ in seen and taken_ is not None and taken_.parsed.kind == "sdist":
                assert is_built
            wheels = [f for f in seen if f.parsed.kind == "wheel"]
            sound = [f for f in wheels if not (f.yanked or (f.foreign and by == "pip"))]
            none.append(len(seen) == len(wheels) or sound != [])
        assert not (is_built and all(none))


@given(releases())
@settings(max_examples=scaled(200))
def test_to_uv_no_file_of_a_release_is_yanked_that_a_root_pins(files: list[FileFacts]) -> None:
    found = keep(files, FilePolicy(), TARGETS, MACHINES)
    there = [f for f in files if not f.barred]
    pinned = [replace(f, yanked=False) for f in there]

    def stays(some: list[FileFacts], m: int) -> bool:
        file = pick(some, m, "uv")
        if file is None or not on_machine(file, m, "uv", file.requires_python):
            return False
        told = source(some, file, m, "uv")
        return admitted(told, m, "uv") and "uv" not in told.refused_by

    for m in range(len(MACHINES.all)):
        assert found.pinned_uv >> m & 1 == (stays(there, m) != stays(pinned, m))


@given(releases(), st.sampled_from(INSTALLERS))
@settings(max_examples=scaled(120))
def test_a_machine_takes_one_file_the_best(files: list[FileFacts], by: Installer) -> None:
    found = taken(files, MACHINES, by)
    assert len(found) == len(files)
    for machine in range(len(MACHINES.all)):
        best = pick(files, machine, by)
        if best is not None and not on_machine(best, machine, by, best.requires_python):
            best = None  # uv takes none of them then
        both = list(zip(files, found, strict=True))
        owners = [f for f, bits in both if bits.installs >> machine & 1]
        assert owners == ([] if best is None else [best])
        sources = [f for f, bits in both if bits.reads >> machine & 1]
        assert sources == ([] if best is None else [source(files, best, machine, by)])


def chosen(files: Sequence[FileFacts], by: Installer) -> list[int]:
    """The machines on which each of the files is taken."""
    return [one.installs for one in taken(files, MACHINES, by)]


def test_of_files_that_are_equally_good_pip_takes_the_last_and_uv_the_first() -> None:
    one, two = (FileFacts(parse("foo", name), None, yanked=False) for name in TIED)
    for both in ([one, two], [two, one]):
        assert chosen(both, "pip") == [0, MACHINES.mask]
        assert chosen(both, "uv") == [MACHINES.mask, 0]
    yanked = replace(one, yanked=True)
    assert chosen([yanked, two], "uv") == [0, MACHINES.mask]
    assert chosen([two, yanked], "pip") == [MACHINES.mask, 0]


def test_pip_goes_on_to_the_next_file_where_metadata_is_foreign() -> None:
    one, two = (FileFacts(parse("foo", name), None, yanked=False) for name in TIED)
    two = replace(two, refused_by=("pip",), foreign=True)
    assert chosen([one, two], "pip") == [MACHINES.mask, 0]
    assert keep([one, two], FilePolicy(), TARGETS, MACHINES).not_pip == 0
    yanked = replace(one, yanked=True)  # which no pip takes that sees one that is not
    for files in ([yanked, two], [two]):
        assert not any(chosen(files, "pip"))
        found = keep(files, FilePolicy(), TARGETS, MACHINES)
        assert (found.not_pip, found.unseen_pip) == (MACHINES.mask, 0)


@pytest.mark.parametrize(
    ("name", "policy", "said"),
    [
        (NAMES[0], FilePolicy(("py3",), "targets"), 'arch_exclude ("py3")'),
        (NAMES[4], FilePolicy(("musl", "amd64", "win")), 'arch_exclude ("amd64")'),
        (NAMES[1], FilePolicy((), "targets"), 'wheels: "targets" (no environment can install it)'),
        ("foo-1.0.tar.gz", FilePolicy(("win",), sdists="never"), 'sdists: "never"'),
        (
            "foo-1.0.tar.gz",
            FilePolicy(sdists="fallback"),
            'sdists: "fallback" (every environment has a wheel)',
        ),
        ("foo-1.0.tar.gz", FilePolicy(), "the configuration of the last sync"),
        ("foo-1.0.tar.gz", FilePolicy((), "targets"), "the configuration of the last sync"),
        (NAMES[0], FilePolicy((), "all", "never"), "the configuration of the last sync"),
        (NAMES[0], FilePolicy((), "all", "fallback"), "the configuration of the last sync"),
    ],
)
def test_the_rule_that_leaves_a_file_out_is_named(name: str, policy: FilePolicy, said: str) -> None:
    assert left_out(parse("foo", name), policy) == said


@given(releases(), POLICIES)
@settings(max_examples=scaled(60))
def test_what_a_rule_leaves_out_names_that_rule(files: list[FileFacts], policy: FilePolicy) -> None:
    """Of a file that nothing bars and that is not kept, the reason is one of the configuration."""
    for file, wanted in zip(files, kept_files(files, policy), strict=True):
        if not (wanted or file.barred):
            assert left_out(file.parsed, policy) != "the configuration of the last sync"


def test_only_what_follows_the_version_is_searched_for_what_is_excluded() -> None:
    wheel = parse("win", "win-1.0-py3-none-any.whl")
    assert not excluded(wheel, ("win",))
    assert excluded(wheel, ("x86", "-any"))
    assert not excluded(wheel, ())
    assert excluded(parse("foo", "foo-1.0.tar.gz"), (".tar",))


PLAIN: dict[str, Any] = {"targets": TARGETS, "policy": FilePolicy(), "bars": Policy()}


def test_every_part_of_the_rules_is_in_their_fingerprint() -> None:
    plain = Rules(**PLAIN, machines=MACHINES)
    others = [
        replace(plain, targets=targets({**ENVIRONMENT, "python_version": ["3.9", "3.11"]})),
        replace(plain, policy=FilePolicy(wheels="targets")),
        replace(plain, policy=FilePolicy(sdists="never")),
        replace(plain, policy=FilePolicy(("win",))),
        replace(plain, bars=Policy(min_age=1)),
        replace(plain, bars=Policy(vulnerabilities="block")),
        replace(plain, machines=Machines(MACHINES.all[1:])),
        replace(plain, machines=Machines(MACHINES.all[::-1])),
        Rules(TARGETS, FilePolicy()),
    ]
    prints = {fingerprint(one) for one in (plain, *others)}
    assert len(prints) == len(others) + 1
    assert fingerprint(Rules(**PLAIN, machines=Machines(MACHINES.all))) == fingerprint(plain)
