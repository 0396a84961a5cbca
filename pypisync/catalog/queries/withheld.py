"""What keeps a release from the pages that is wanted, or on them one that is not."""

from collections.abc import Iterator

from packaging.version import Version

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.queries.generations import frozen_to
from pypisync.core.display import stays_at

_SHOWN = 3  # proofs


def withheld(
    reader: Reader, project: int, name: str, version: Version, *, selected: bool, listed: bool
) -> Iterator[tuple[str, str]]:
    """Yields what a release of a project (its id and name) waits for: the kind, and a sentence."""
    if frozen := frozen_to(reader):
        yield from _kept_back(frozen, selected=selected, listed=listed)
        return
    held = reader.value("SELECT reason FROM held WHERE release = ?", f"{name}=={version}")
    if held:
        yield "held", f"held: {held}"
    waiting = reader.rows(
        "SELECT DISTINCT s.text, o.targets FROM proof_pins i"
        " JOIN proofs o ON o.id = i.proof_id JOIN subjects s ON s.id = o.subject_id"
        " WHERE i.project_id = ? AND i.version = ? AND o.wanted AND NOT o.published"
        " ORDER BY s.text, o.targets",
        project,
        str(version),
    )
    for subject, targets in waiting[:_SHOWN]:
        said = f"the proof of {subject} on {targets} pins it, and waits for all its pins"
        yield "waiting proof", said
    if selected and not listed and not held:
        yield "unpublished", "it is wanted, and a sync will publish it"
    elif listed and not selected:
        yield "leaving", "it is not wanted any more: a sync will take it away"


def _kept_back(generation: int, *, selected: bool, listed: bool) -> Iterator[tuple[str, str]]:
    """Yields what differs from the state that the index would have if it were not frozen."""
    if selected and not listed:
        yield "frozen", f"it is wanted, and {stays_at(generation)}"
    elif listed and not selected:
        yield "frozen", f"it is not wanted any more, and {stays_at(generation)}"
