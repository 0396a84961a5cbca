"""What a draw is: an index, and what is asked of it."""

from dataclasses import dataclass

from tests.differential.wheels import Release


@dataclass(frozen=True)
class Elsewhere:
    """Another machine than the one of the tests, as uv can be told of it."""

    target: str  # the name of its proof target
    options: tuple[str, ...]  # of uv
    settings: tuple[tuple[str, str], ...] = ()  # environment variables for uv


@dataclass(frozen=True)
class Ask:
    """A root or a group: what clients are asked for, and how the mirror is told to hold it."""

    subject: str  # as v_proofs names it
    lines: tuple[str, ...]  # requirements
    key: str = ""  # of packages; "": it is a group
    selector: str = ""
    constraints: tuple[str, ...] = ()
    elsewhere: Elsewhere | None = None  # None: for the interpreter that runs the tests

    def __str__(self) -> str:
        bounds = f", constraints {list(self.constraints)}" if self.constraints else ""
        where = f" on {self.elsewhere.target}" if self.elsewhere else ""
        return f"{self.subject}{where}: {list(self.lines)}{bounds}"


def root(name: str, pin: str = "") -> Ask:
    """The root of a project in its latest version, or in one that it names."""
    text = f"{name}=={pin}" if pin else name
    return Ask(text, (text,), name, pin or "latest")


@dataclass(frozen=True)
class Case:
    """An index: all its projects begin with ``<prefix>-``."""

    prefix: str
    releases: tuple[Release, ...]
    told: tuple[str, ...] = ()  # the oddities in words
    asks: tuple[Ask, ...] = ()
    dry: bool = False  # what is installed is as good as what is resolved
