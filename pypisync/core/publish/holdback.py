"""What can be published: wanted against held.

A release is ready if its stored files serve every target that the release admits. A release that is
not ready is held, and so is every release that needs it and is not published yet: a page never
lists a release whose dependencies are not listed. A release that is published already stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from msgspec import Struct

from pypisync.core.publish.pages import PageFile
from pypisync.core.standards.filenames import METADATA


class ReleaseFile(Struct, frozen=True):
    """A file of a release, and whether the pool holds it."""

    page: PageFile  # as its page would list it
    admits: int
    kept: bool  # if its release is selected, it is wanted on the page
    stored: bool


class PlannedRelease(Struct, frozen=True):
    """A release that the selection wants, or that the newest generation lists."""

    release: int
    project: str
    version: str
    selected: bool
    admits: int
    pinned: bool  # by a lock file alone: nothing that it needs is followed
    blocked: str  # why it cannot be published whatever is stored; "" if nothing stands in the way
    files: tuple[ReleaseFile, ...]

    @property
    def label(self) -> str:
        """As an operator writes it."""
        return f"{self.project}=={self.version}"


def unready(wanted: Iterable[PlannedRelease], absent: Mapping[str, str]) -> dict[int, str]:
    """Returns the selected releases that cannot be published by themselves, with the reason.

    ``absent`` says of files why they are not stored, by path; "" if the filename says enough.
    """
    held: dict[int, str] = {}
    for release in wanted:
        if not release.selected:
            continue
        there = [file for file in release.files if file.kept and file.stored]
        served = 0
        for file in there:
            served |= file.admits
        missing = [
            f"{file.page.filename} {absent.get(file.page.path, '')}".rstrip()
            for file in release.files
            if file.kept and not file.stored
        ]
        if release.blocked:
            why = (
                f"{path.rpartition('/')[2]} {absent[path]}"
                for file in release.files
                for path in (file.page.path + METADATA, file.page.path)
                if absent.get(path)
            )
            held[release.release] = "; ".join([release.blocked, *islice(why, 1)])
        elif missing and (release.admits & ~served or not there):
            held[release.release] = f"not stored yet: {', '.join(missing[:3])}" + (
                f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            )
    return held


def spread(
    held: Mapping[int, str],
    needs: Mapping[int, Sequence[int]],
    labels: Mapping[int, str],
    published: frozenset[int],
) -> dict[int, str]:
    """Returns ``held`` with all that needs it, except what is published already.

    ``needs``: for a release, those that need it; ``labels``: what to call a release.
    """
    spread_to = dict(held)
    frontier = list(held)
    while frontier:
        release = frontier.pop()
        for dependent in needs.get(release, ()):
            if dependent not in spread_to and dependent not in published:
                spread_to[dependent] = f"needs {labels.get(release, '?')}, which is held"
                frontier.append(dependent)
    return spread_to


def dependencies_first(names: Iterable[str], needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns ``names`` so that what a name needs comes before it; within a cycle in name order.

    What any name of a cycle needs comes before the whole cycle: Tarjan's algorithm finds the
    strongly connected components in this order.
    """
    wanted = {name: sorted(set(needs.get(name, ()))) for name in sorted(names)}
    order: dict[str, None] = {}
    entered: dict[str, int] = {}  # how many were entered before
    lowest: dict[str, int] = {}  # the earliest entered that it leads back to
    waiting: list[str] = []  # entered, and not in the order yet
    for start in wanted:
        todo = [start]
        while todo:
            name = todo[-1]
            below = [need for need in wanted[name] if need in wanted and need not in order]
            if name not in entered:
                entered[name] = lowest[name] = len(entered)
                waiting.append(name)
                todo += [need for need in reversed(below) if need not in entered]
                continue
            todo.pop()
            if name in order:
                continue  # it stood there twice
            lowest[name] = min([lowest[name], *(lowest[need] for need in below)])
            if lowest[name] == entered[name]:
                at = waiting.index(name)
                order.update(dict.fromkeys(sorted(waiting[at:])))
                del waiting[at:]
    return list(order)
