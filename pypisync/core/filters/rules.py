"""What the configuration says that turns files into facts."""

from dataclasses import dataclass, field
from hashlib import sha256

from pypisync.core.environments import targets as environments
from pypisync.core.environments.machines import Machines
from pypisync.core.filters.file_rules import FilePolicy
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.model import Targets


@dataclass(frozen=True, slots=True)
class Rules:
    """What turns files into facts: the targets and the configuration's word on files."""

    targets: Targets
    policy: FilePolicy
    bars: Policy = field(default_factory=Policy)
    machines: Machines = field(default_factory=Machines)  # on which roots are proven


def fingerprint(rules: Rules) -> str:
    """A hash of all that masks hang on: when it differs, facts are derived anew."""
    machines = sha256("\n".join(rules.machines.spelled()).encode()).hexdigest()
    return f"{environments.fingerprint(rules.targets)} {rules.policy!r} {rules.bars!r} {machines}"
