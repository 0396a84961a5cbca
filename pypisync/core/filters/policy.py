"""Which files the operator's policy bars, and by which rule.

A barred file does not exist for the mirror: it is not kept, so the selection takes the best of
what is left. The first rule that bars a file is its reason, the lasting ones first. Age is a
file's own, by upstream's upload time: a file added late to an old release is young. Where an age
is asked for and upstream does not tell it, the file counts as too young.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.display import counted, show_duration, show_moment, show_size
from pypisync.core.standards import versions
from pypisync.core.standards.model import File
from pypisync.core.standards.specifiers import matcher
from pypisync.core.values import moment

UNDATED = "of an unknown upload time"  # how the reason begins
# The rules by how their reasons begin.
_RULES = {
    "blocked: ": "block",
    UNDATED: "undated",
    "uploaded after ": "freeze_at",
    "younger than ": "min_age",
    "larger than ": "max_file_size",
    "of an unknown size": "max_file_size",
    "vulnerable: ": "vulnerabilities",
}
RULES = tuple(dict.fromkeys(_RULES.values()))
Vulnerabilities = Literal["ignore", "report", "block"]


class Block(Struct, frozen=True):
    """What is barred for good. Of the conditions those that are given must all hold."""

    reason: str
    name: str = ""  # a project, normalised
    specifier: str = ""  # its versions; "" is all of them
    filename: str = ""
    sha256: str = ""

    def bars(self, project: str, version: str, filename: str, sha256: str) -> bool:
        """Returns whether it bars this file."""
        if self.filename not in ("", filename) or self.sha256 not in ("", sha256):
            return False
        if self.name not in ("", project):
            return False
        return not self.specifier or _matches(self.specifier, version)


class Policy(Struct, frozen=True):
    """What the configuration bars. The default bars nothing."""

    min_age: int = 0  # seconds since the upload of a file
    min_age_of: tuple[tuple[str, int], ...] = ()  # by normalised name, instead of min_age
    # (normalised name, version): judged by no rule but the blocks
    exempt: tuple[tuple[str, str], ...] = ()
    freeze_at: float | None = None  # seconds since 1970; what was uploaded later is barred
    block: tuple[Block, ...] = ()
    max_file_size: int | None = None  # bytes
    vulnerabilities: Vulnerabilities = "ignore"

    @property
    def idle(self) -> bool:
        """Whether it bars nothing at all."""
        return self == Policy(vulnerabilities=self.vulnerabilities) and not self.blocks_vulnerable

    @property
    def counts_ages(self) -> bool:
        """Whether what it bars depends on the time."""
        return bool(self.min_age or self.min_age_of)

    @property
    def examines(self) -> bool:
        """Whether upstream is asked for vulnerabilities."""
        return self.vulnerabilities != "ignore"

    @property
    def blocks_vulnerable(self) -> bool:
        """Whether a release with a known vulnerability is barred."""
        return self.vulnerabilities == "block"

    def of(self, project: str) -> "Policy":
        """Returns what of it concerns one project: the same to its files, and quicker."""
        return replace(
            self,
            min_age=dict(self.min_age_of).get(project, self.min_age),
            min_age_of=(),
            exempt=tuple(line for line in self.exempt if line[0] == project),
            block=tuple(block for block in self.block if block.name in ("", project)),
        )

    def exempts(self, project: str, version: str) -> bool:
        """Returns whether nothing but a block bars this release."""
        return any(
            project == name and (version == other or _key(version) == _key(other))
            for name, other in self.exempt
        )


class Bar(Struct, frozen=True):
    """Why a file is barred, and until when (seconds since 1970) if that is known."""

    reason: str
    until: float | None = None


def rule(reason: str) -> str:
    """Returns which of RULES gave the reason why a file is barred."""
    return next(name for begin, name in _RULES.items() if reason.startswith(begin))


def blocked(policy: Policy, project: str, version: str, filename: str, sha256: str) -> str:
    """Returns the reason of the first block that bars the file; "" if none does."""
    for block in policy.block:
        if block.bars(project, version, filename, sha256):
            return f"blocked: {block.reason}"
    return ""


def judge(
    policy: Policy, project: str, version: str, file: File, vulnerable: Iterable[str], now: float
) -> Bar | None:
    """Returns why the policy bars this file of a release now; None: it does not.

    ``vulnerable``: the ids of the release's vulnerabilities; ``now``: seconds since 1970.
    """
    if reason := blocked(policy, project, version, file.filename, file.sha256):
        return Bar(reason)
    if policy.exempts(project, version):
        return None
    if policy.max_file_size is not None and (file.size is None or file.size > policy.max_file_size):
        return Bar(_too_large(file.size, policy.max_file_size))
    bar = _by_time(policy, project, file.uploaded, now)
    if bar is None and policy.blocks_vulnerable and (ids := sorted(vulnerable)):
        return Bar(f"vulnerable: {', '.join(ids)}")
    return bar


def _by_time(policy: Policy, project: str, text: str | None, now: float) -> Bar | None:
    age = dict(policy.min_age_of).get(project, policy.min_age)
    if not age and policy.freeze_at is None:
        return None
    if text is None:
        return Bar(f"{UNDATED}, and the policy asks for one")
    uploaded = moment(text)
    if policy.freeze_at is not None and uploaded > policy.freeze_at:
        return Bar(f"uploaded after {show_moment(policy.freeze_at)}, when the policy froze")
    if now < uploaded + age:
        until = uploaded + age
        return Bar(f"younger than {show_duration(age)} until {show_moment(until)}", until)
    return None


def _too_large(size: int | None, most: int) -> str:
    if size is None:
        return f"of an unknown size, and the policy allows {show_size(most)}"
    allowed, stated = show_size(most), show_size(size)
    if allowed == stated:  # rounded alike
        allowed, stated = counted(most, "byte"), counted(size, "byte")
    return f"larger than {allowed}: {stated}"


def _matches(specifier: str, version: str) -> bool:
    return matcher(specifier).matches(_key(version), version)


def _key(text: str) -> bytes:
    parsed = versions.parse(text)
    return versions.key(parsed) if parsed else b""
