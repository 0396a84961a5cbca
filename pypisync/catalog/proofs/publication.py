"""Proofs against pages: which proofs are published, and what the others wait for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from packaging.version import Version
from sqlalchemy import Connection, Delete, Select, delete, func, select

from pypisync.catalog.db.schema import projects, published
from pypisync.catalog.db.schema_proofs import proof_pins, proofs, subjects
from pypisync.catalog.db.sql import (
    among,
    batches,
    execute_among,
    once,
    raw,
    rows_among,
    tuples_among,
    update_among,
)
from pypisync.catalog.proofs.verdicts import RecordedVerdict, stored
from pypisync.core.publish.pages import Page


class Unpublished(Struct):
    """The state of the subjects whose verdicts are not all published."""

    ready: list[int]  # all that they want will be on the pages
    waiting: dict[str, str]  # text -> for what
    # Releases (name, version) that lead to their published pins, and are on the pages.
    keep: set[tuple[str, str]]
    # Projects whose published pins hold a pre-release: what a final of each waits for.
    prereleases: dict[str, str]

    def keep_pins(
        self, text: str, verdicts: Iterable[RecordedVerdict], listed: Mapping[str, set[str]]
    ) -> None:
        """Keep what leads to a subject's published pins, as far as it is listed."""
        keep = {
            (name, version)
            for one in verdicts
            if one.published
            for name, version in _leading_to(one)
            if version in listed.get(name, ())
        }
        self.keep |= keep
        why = self.waiting.get(text, "is not known to install")
        self.prereleases |= {
            name: f"{text}, which installs by a pre-release, {why}"
            for name, version in sorted(keep)
            if Version(version).is_prerelease
        }


def standing(connection: Connection, planned: Mapping[str, Page | None]) -> Unpublished:
    """Returns which verdicts the planned pages allow to publish, and which wait for more.

    A subject keeps its published pins if its new pins are not all listed, and if it is no longer
    known whether it installs on a target where it did.
    """
    found = Unpublished([], {}, set(), {})
    then = {name: _versions(page) for name, page in planned.items()}
    behind = connection.scalars(once(_behind)).all()
    suspects = _suspects(connection, behind, then)
    found.ready = [subject for subject in behind if subject not in suspects]
    texts = {row.id: row.text for row in _by_id(connection, sorted(suspects))}
    old = stored(connection, texts)
    names = {name for some in old.values() for one in some.values() for name, _ in _leading_to(one)}
    now = _listed(connection, names)
    for subject, some in old.items():
        missing = _missing(some.values(), now | then)
        if not missing and not _doubtful(some.values()):
            found.ready.append(subject)
            continue
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            found.waiting[texts[subject]] = f"waits for {', '.join(missing[:3])}{more}"
        found.keep_pins(texts[subject], some.values(), now)
    return found


def _behind() -> Select[int]:
    not_yet = proofs.c.wanted, ~proofs.c.published
    return select(proofs.c.subject_id).where(*not_yet).distinct()


def _leading_to(one: RecordedVerdict) -> set[tuple[str, str]]:
    """Returns the pins of a verdict, and what installers look at on the way to them.

    Without the latter, pip may find no way to pins that are all there.
    """
    return {*one.verdict.tried, *((pin.name, pin.version) for pin in one.verdict.pins)}


def _suspects(
    connection: Connection, behind: Sequence[int], then: Mapping[str, set[str]]
) -> set[int]:
    """Returns the subjects that may not be ready. They are few, and only they are looked at."""
    found = {subject for (subject,) in tuples_among(connection, _unknown, behind)}
    # Project and version.
    pins: set[tuple[int, str]] = set(tuples_among(connection, _wanted_pins, behind))
    names: dict[int, str] = dict(tuples_among(connection, _names, {project for project, _ in pins}))
    listed = {**_listed(connection, names.values()), **then}
    lacking = {one for one, version in pins if version not in listed.get(names[one], ())}
    found.update(subject for (subject,) in tuples_among(connection, _pinning, lacking))
    return found.intersection(behind)


def _unknown() -> Select[int]:
    mine = among(proofs.c.subject_id), proofs.c.wanted
    return select(proofs.c.subject_id).where(*mine, proofs.c.verdict == "undecided")


def _wanted_pins() -> Select[int, str]:
    p = proof_pins.c
    pins = select(p.project_id, p.version).join_from(proofs, proof_pins)
    return pins.where(among(proofs.c.subject_id), proofs.c.wanted).distinct()


def _names() -> Select[int, str]:
    return select(projects.c.id, projects.c.name).where(among(projects.c.id))


def _pinning() -> Select[int]:
    subject = select(proofs.c.subject_id).join_from(proof_pins, proofs)
    return subject.where(among(proof_pins.c.project_id), proofs.c.wanted)


def _missing(some: Iterable[RecordedVerdict], listed: Mapping[str, set[str]]) -> list[str]:
    """Returns the wanted pins that are not among the versions listed."""
    return sorted(
        {
            f"{pin.name}=={pin.version}"
            for one in some
            for pin in one.verdict.pins
            if one.wanted and pin.version not in listed.get(pin.name, ())
        }
    )


def _doubtful(some: Iterable[RecordedVerdict]) -> bool:
    """Returns whether a target was proven on which nothing is known now."""
    unknown: set[str] = set()
    proven: set[str] = set()
    for one in some:
        if one.wanted and one.verdict.verdict == "undecided":
            unknown.update(one.verdict.targets)
        elif not one.wanted and one.verdict.verdict == "proven":
            proven.update(one.verdict.targets)
    return not unknown.isdisjoint(proven)


def withdraw(connection: Connection, planned: Mapping[str, Page | None]) -> list[int]:
    """Take back what is wanted and published, and has pins that the planned pages list no more.

    That is so where a file is lost and upstream has it no more. Returns the subjects: they wait.
    What is not wanted any more stays: what is left of its pins stays on the pages.
    """
    leaving = {
        (name, version)
        for name, versions in _listed(connection, planned).items()
        for version in versions - _versions(planned[name])
    }
    names = sorted({name for name, _ in leaving})
    found = {
        proof: subject
        for proof, subject, name, version in tuples_among(connection, _standing, names)
        if (name, version) in leaving
    }
    update_among(connection, proofs.c.id, found, published=False)
    return sorted(set(found.values()))


def _versions(page: Page | None) -> set[str]:
    return {file.version for file in page.files} if page else set()


def _standing() -> Select[int, int, str, str]:
    pins = select(proofs.c.id, proofs.c.subject_id, projects.c.name, proof_pins.c.version)
    joined = pins.join_from(proof_pins, proofs).join(projects)
    return joined.where(among(projects.c.name), proofs.c.wanted, proofs.c.published)


def publish_proofs(connection: Connection, ready: Iterable[int]) -> None:
    """Record the verdicts of these subjects as published, in place of earlier ones."""
    for batch in batches(ready):
        execute_among(connection, _earlier, batch)
        update_among(connection, proofs.c.subject_id, batch, published=True)


def _earlier() -> Delete:
    return delete(proofs).where(among(proofs.c.subject_id), ~proofs.c.wanted)


def counts(connection: Connection) -> dict[str, int]:
    """Returns how many subjects on how many targets there are of each verdict."""
    found: dict[str, int] = {}
    for verdict, targets, number in raw(connection, once(_counts)):
        found[verdict] = found.get(verdict, 0) + number * len(targets.split(", "))
    return found


def _counts() -> Select[Any]:
    of = proofs.c.verdict, proofs.c.targets
    return select(*of, func.count()).where(proofs.c.wanted).group_by(*of)


def undecided(connection: Connection) -> dict[str, str]:
    """Returns the proofs that were given up, by subject, with the reason and the targets.

    Proofs that lack facts are not among them: the missing facts are reported themselves.
    """
    found: dict[str, str] = {}
    for text, targets, why in raw(connection, once(_undecided)):
        found.setdefault(f"proof of {text}", f"undecided on {targets}: {why}")
    return found


def _undecided() -> Select[str, str, str]:
    return (
        select(subjects.c.text, proofs.c.targets, proofs.c.why)
        .join_from(subjects, proofs)
        .where(proofs.c.verdict == "undecided", proofs.c.wanted, ~subjects.c.open)
        .order_by(subjects.c.text, proofs.c.id)
    )


def _by_id(connection: Connection, ids: Iterable[int]) -> list[Any]:
    return list(rows_among(connection, _texts, ids))


def _texts() -> Select[int, str]:
    return select(subjects.c.id, subjects.c.text).where(among(subjects.c.id))


def _listed(connection: Connection, names: Iterable[str]) -> dict[str, set[str]]:
    """Returns the versions that the pages list now, by project."""
    found: dict[str, set[str]] = {}
    for name, version in tuples_among(connection, _listed_versions, sorted(names)):
        found.setdefault(name, set()).add(version)
    return found


def _listed_versions() -> Select[str, str]:
    p = published.c
    return select(p.name, p.version).where(among(p.name), p.last.is_(None)).distinct()
