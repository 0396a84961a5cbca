"""Which pages are published, and that a slip in the configuration does not empty the mirror.

If more than a share of the listed projects is asked for no more, they stay as they are until the
operator accepts that they go. What upstream takes away and what the policy bars goes all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import pending
from pypisync.catalog.proofs.publication import Unpublished, standing
from pypisync.catalog.publication import membership
from pypisync.catalog.publication.assemble import Publication, assemble
from pypisync.catalog.selection import roots
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.settle import update_decision

DROPPED = "removals"  # what failed, in a report
_ACCEPTED = "removals accepted"  # a setting in the catalog
_FEW = 3  # projects: so many may go however small the mirror


@dataclass(slots=True)
class Retained:
    """What stays although nothing asks for it; empty if all of it may go."""

    releases: membership.Releases = field(default_factory=dict)
    reason: str = ""

    @property
    def projects(self) -> set[str]:
        """Returns their names."""
        return {name for name, _ in self.releases}


def pages(
    mirror: Mirror, connection: Transaction, later: Mapping[str, str]
) -> tuple[Publication, Unpublished, dict[str, str]]:
    """Returns the pages to publish, the proofs on them, and as a failure why more stays than asked.

    ``later``: the paths that are not stored in this cycle, with the reason. What has to stay
    becomes a root, and the decision is brought up to date.
    """
    result, proven = _retained(mirror, connection, later, {})
    found = kept(mirror, connection, result)
    if found.reason:
        mirror.watch.fault(DROPPED, found.reason)
        result, proven = _retained(mirror, connection, later, found.releases)
        stay = membership.project_ids(connection, found.projects)
        result.done = [project for project in result.done if project not in stay]
    return result, proven, {DROPPED: found.reason} if found.reason else {}


def _retained(
    mirror: Mirror,
    connection: Transaction,
    later: Mapping[str, str],
    also: membership.Releases,
) -> tuple[Publication, Unpublished]:
    result, proven = _planned(mirror, connection, later)
    if roots.retain(connection, result.retained | dict.fromkeys(proven.keep, ()) | also):
        update_decision(mirror, connection)
        result, proven = _planned(mirror, connection, later)
    return result, proven


def _planned(
    mirror: Mirror, connection: Transaction, later: Mapping[str, str]
) -> tuple[Publication, Unpublished]:
    """Returns the pages and the proofs on them.

    A final waits while it would displace a pre-release by which something installs that is not
    proven on these pages. So more may wait for it.
    """
    finals: dict[str, str] = {}
    while True:
        result = assemble(connection, later, mirror.rules.bars, finals)
        proven = standing(connection, result.pages)
        more = proven.prereleases.keys() - finals.keys()
        if not more:
            return result, proven
        finals |= {name: proven.prereleases[name] for name in more}


def kept(mirror: Mirror, connection: Transaction, result: Publication) -> Retained:
    """Returns what must not leave the pages in this cycle, and why."""
    leaving = [name for name, page in result.pages.items() if page is None]
    if len(leaving) <= _FEW or mirror.dropped_share >= 1:
        return Retained()
    releases = membership.listed_releases(connection, leaving)
    found = Retained(releases)
    number, listed = len(found.projects), membership.listed_projects(connection)
    if number <= max(_FEW, mirror.dropped_share * listed):
        return Retained()
    if pending.setting(connection, _ACCEPTED):
        return Retained()
    found.reason = (
        f"the configuration asks for {number:,} of the {listed:,} listed projects no more: they "
        'stay on the pages; if they are to go, run "pypisync sync --accept-removals"'
    )
    return found


def accept(connection: Transaction) -> None:
    """Let the next cycle that comes to its end drop what is not asked for, however much it is."""
    pending.set_setting(connection, _ACCEPTED, "1")


def restore(connection: Transaction) -> None:
    """Let the share count again, now that a cycle has published or come to its end."""
    if pending.setting(connection, _ACCEPTED):
        pending.set_setting(connection, _ACCEPTED, "")
