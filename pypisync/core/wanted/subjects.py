"""What is proven as a whole: a root, as an installer is asked for it, or a group."""

from collections.abc import Iterable
from dataclasses import dataclass

from pypisync.core.standards.model import Requirement
from pypisync.core.wanted.groups import Asked, Group

_GROUP = "group "


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked for together, and within which limits; both with their markers."""

    text: str  # the requirement, or "group " and the file
    wanted: Asked
    constraints: Asked = ()


def group_text(group: Group) -> str:
    """The text of the subject that a group is."""
    return f"{_GROUP}{group.name}"


def of_group(group: Group) -> Subject:
    """The subject that a group is, which is resolved."""
    return Subject(group_text(group), group.requirements, group.constraints)


def of_root(root: Requirement) -> Subject:
    """The subject that a root is, as an installer would be asked for it."""
    return Subject(root.text, (root,))


def limits(constraints: Iterable[Requirement]) -> dict[str, str]:
    """Specifiers by project, of constraints that apply."""
    found: dict[str, str] = {}
    for need in constraints:
        found[need.name] = ",".join(filter(None, (found.get(need.name), need.specifier)))
    return found


def means(given: str, text: str) -> bool:
    """Whether somebody may mean the subject of this text: by itself, a group's file, a project."""
    if text.startswith(_GROUP):
        return given in (text, text.removeprefix(_GROUP))
    wanted = "".join(given.split()).lower()
    name = text
    for cut in "[<>=!~":
        name = name.partition(cut)[0]
    return wanted == text or wanted.replace("_", "-").replace(".", "-") == name
