"""Which pages are published, and that a slip in the configuration does not empty the mirror.

If more than a share of the listed projects is asked for no more, they stay as they are until the
operator accepts that they go. What upstream takes away and what the policy bars goes all the same;
that the policy bars too much is noticed before (:mod:`pypisync.cycle.removals`).
"""

from collections.abc import Collection, Mapping

from msgspec import Struct, field

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.proofs.publication import Unpublished, standing
from pypisync.catalog.publication import membership
from pypisync.catalog.publication.assemble import Publication, assemble
from pypisync.catalog.selection import roots
from pypisync.cycle import removals
from pypisync.cycle.mirror import Mirror
from pypisync.cycle.settle import update_decision

DROPPED = "removals"  # what failed, in a report


class Retained(Struct):
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
    removals.note(connection, refused=bool(found.reason))
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
    return _kept(mirror, connection, leaving)


def before_a_plan_comes_true(mirror: Mirror, connection: Transaction) -> str:
    """Returns why a cycle would not remove all that nothing asks for; "" if it would.

    What is kept so far is dropped on the way, so it is for a transaction that is undone.
    """
    roots.retain(connection, {})
    update_decision(mirror, connection)
    return _kept(mirror, connection, membership.listed_in_vain(connection)).reason


def _kept(mirror: Mirror, connection: Transaction, leaving: Collection[str]) -> Retained:
    if not removals.too_many(mirror, connection, len(leaving)):
        return Retained()
    found = Retained(membership.listed_releases(connection, leaving))
    many = removals.too_many(mirror, connection, len(found.projects))
    if not many:
        return Retained()
    found.reason = (
        f"the configuration asks for {many} no more: they stay on the pages; {removals.CONFIRM}"
    )
    return found
