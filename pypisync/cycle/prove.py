"""Proves what is open: every root, and every group as a whole, on every proof target.

Proofs are made over everything that upstream offers and the configuration keeps, so that installers
choose the same pins from the mirror as from upstream. The pins become part of the selection.
Missing facts are fetched, and the proof is made again when they have been read.
"""

from collections.abc import Sequence
from functools import lru_cache, partial

from msgspec import Struct, field
from msgspec.structs import replace

from pypisync.catalog.db.transactions import Transaction
from pypisync.catalog.facts import policy
from pypisync.catalog.facts.offered import all_files
from pypisync.catalog.facts.requirements import ask_for, forget_partly_read
from pypisync.catalog.proofs import verdicts
from pypisync.catalog.proofs.index import offers, weight
from pypisync.catalog.selection import roots
from pypisync.core.display import counted, show_size
from pypisync.core.resolve.index import Lacking, OfferedFile, Offers
from pypisync.core.resolve.subject_verdict import SubjectVerdict
from pypisync.core.wanted.groups import Subject, group_text, of_group, of_root
from pypisync.cycle.mirror import Mirror

_MOST_AHEAD = 32
# Subjects that are proven at a time: what they can reach is in memory meanwhile.
_BATCH = 5_000
# Projects whose files are kept for the next explanation.
_MOST_FILES = 64
# Bytes that releases may take which installers only examine: so much for one verdict.
_MOST_EXAMINED = 2**30


class ProofResults(Struct):
    """The results of proofs in one cycle."""

    # Projects, and releases as "name==version": what is lacking of it still cannot be had now.
    asked: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)  # subjects whose missing facts cannot be read now


def prove_open(mirror: Mirror, results: ProofResults) -> bool:
    """Prove open subjects. Returns whether there is more to do.

    That is: facts to be read, releases to be decided on, or other subjects.
    """
    with mirror.catalog.begin() as connection:
        forget_partly_read(connection)
        verdicts.open_touched(connection)
        due = [text for text in verdicts.open_subjects(connection) if text not in results.unsure]
        texts = due[:_BATCH]
        if not texts:
            return False
        subjects = _subjects(mirror, texts)
        facts = offers(connection, {need.name for one in subjects for need in one.wanted})
    facts.look_up = lru_cache(_MOST_FILES)(partial(_all_files, mirror))
    mirror.watch.step("proofs", len(subjects))
    found, lacking = _prove(mirror, subjects, facts)
    # A search that has come this far will often want older releases next.
    now, ahead = mirror.now(), min(len(results.asked), _MOST_AHEAD)
    with mirror.catalog.begin() as connection:
        asked = ask_for(
            connection,
            {name for one in lacking.values() for name in one.projects},
            {number for one in lacking.values() for number in one.releases},
            ahead,
            now,
        )
        fresh = not asked <= results.asked
        results.asked |= asked
        unsure = set[str]() if fresh else set(lacking)
        results.unsure |= unsure
        complete = {text: some for text, some in found.items() if text not in lacking}
        complete |= {text: found[text] for text in unsure}
        complete = {text: _without_lost(facts, some) for text, some in complete.items()}
        complete = {text: _with_rules(connection, some) for text, some in complete.items()}
        complete = {text: _affordable(connection, some) for text, some in complete.items()}
        verdicts.record(connection, complete, unsure, now)
        added = roots.add_for_proofs(connection, verdicts.added_releases(connection))
    return fresh or added or len(due) > len(texts)


def _all_files(mirror: Mirror, name: str) -> Sequence[OfferedFile]:
    with mirror.catalog.begin() as connection:
        return all_files(connection, name, mirror.rules.policy)


def _subjects(mirror: Mirror, texts: Sequence[str]) -> list[Subject]:
    from pypisync.core.standards import requirements

    groups = {group_text(group.name): group for group in mirror.groups}
    return [
        of_group(groups[text]) if text in groups else of_root(requirements.parse(text))
        for text in texts
    ]


def _prove(
    mirror: Mirror, subjects: Sequence[Subject], facts: Offers
) -> tuple[dict[str, list[SubjectVerdict]], dict[str, Lacking]]:
    """Returns the verdicts of each subject, and the facts that it lacks."""
    # Most cycles have nothing to prove, and need not wait for the solvers.
    from pypisync.core.resolve.subject_proofs import ProofTask
    from pypisync.cycle.provers import prove

    machines = tuple(mirror.rules.machines.all)
    task = ProofTask(mirror.rules.targets, machines, facts, subjects)
    found: dict[str, list[SubjectVerdict]] = {}
    lacking: dict[str, Lacking] = {}
    for proofs in prove(mirror.processes, task, mirror.budget):
        text = proofs.subject.text
        found[text] = proofs.verdicts
        if proofs.projects or proofs.releases:
            lacking[text] = Lacking(proofs.projects, proofs.releases)
        mirror.watch.advance()
    return {one.text: found[one.text] for one in subjects}, lacking


def _without_lost(facts: Offers, found: Sequence[SubjectVerdict]) -> list[SubjectVerdict]:
    """Returns the verdicts; nothing is refuted for a project that merely cannot be read."""
    return [
        replace(one, verdict="blocked")
        if one.verdict == "refuted" and facts.lost.keys() & one.consulted
        else one
        for one in found
    ]


def _with_rules(connection: Transaction, found: Sequence[SubjectVerdict]) -> list[SubjectVerdict]:
    """Returns the verdicts; a refusal says what the policy bars of the projects involved."""
    told = []
    for one in found:
        rules = {}
        if one.verdict == "refuted":
            rules = policy.rules_on(connection, one.consulted)
        why = (*one.why, *(rules[name] for name in sorted(rules)))
        told.append(replace(one, why=why) if rules else one)
    return told


def _affordable(connection: Transaction, found: Sequence[SubjectVerdict]) -> list[SubjectVerdict]:
    """Returns the verdicts, without the examined releases where those would take too much room.

    What installers come to from the mirror may then differ, and the verdict says so.
    """
    told = []
    for one in found:
        size = weight(connection, one.tried) if one.tried else 0
        if size > _MOST_EXAMINED:
            note = (
                f"installers examine {counted(len(one.tried), 'release')} besides the pins, which"
                f" are not mirrored, for they take {show_size(size)}, more than"
                f" {show_size(_MOST_EXAMINED)}: from the mirror they may come to other pins"
            )
            told.append(replace(one, why=(*one.why, note), tried=frozenset()))
        else:
            told.append(one)
    return told
