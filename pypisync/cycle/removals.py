"""How much may leave the pages in one cycle by a slip in the configuration.

More than a share of the listed projects goes only when the operator accepts it, for one cycle.
"""

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.catalog.publication import membership
from pypisync.cycle.mirror import Mirror
from pypisync.errors import ConfigError

ACCEPTED = "removals accepted"  # a setting in the catalog
_REFUSED = "removals refused"  # a setting: of how many listed projects; "": none is
_FEW = 3  # projects: so many may go however small the mirror
CONFIRM = 'if they are to go, run "pypisync sync --accept-removals"'


def too_many(mirror: Mirror, connection: Transaction, leaving: int) -> str:
    """Returns how many leave too many of the listed projects; "" if they may go.

    While a cycle's refusal stands, what was listed at that time counts: what has come since would
    let go what is refused.
    """
    if leaving <= _FEW or mirror.dropped_share >= 1:
        return ""
    listed = membership.listed_projects(connection)
    listed = min(listed, int(pending.setting(connection, _REFUSED) or listed))
    if leaving <= mirror.dropped_share * listed or pending.setting(connection, ACCEPTED):
        return ""
    return f"{leaving:,} of the {listed:,} listed projects"


def note(connection: Transaction, *, refused: bool) -> None:
    """Note whether a cycle keeps what nothing asks for, and of how many projects at first."""
    stands = bool(pending.setting(connection, _REFUSED))
    if refused != stands:
        listed = str(membership.listed_projects(connection)) if refused else ""
        pending.set_setting(connection, _REFUSED, listed)


def check_policy(mirror: Mirror, connection: Transaction) -> None:
    """See that new rules do not bar most of the mirror. What is blocked by name does not count.

    Raises ConfigError: what is barred would be deleted at once.
    """
    if mirror.rules.bars.idle:
        return
    barred = membership.barred_projects(connection)
    if many := too_many(mirror, connection, len(barred)):
        example, reason = min(barred.items())
        fault = (
            f"the policy bars all files of {many}, which would be deleted at once (such as "
            f"{example}: {reason}): nothing was done; {CONFIRM}"
        )
        raise ConfigError([fault])


def accept(connection: Transaction) -> None:
    """Let the next cycle that comes to its end drop what it must, however much it is."""
    pending.set_setting(connection, ACCEPTED, "1")


def restore(connection: Transaction) -> None:
    """Let the share count again, now that a cycle has published."""
    pending.clear_setting(connection, ACCEPTED)
