"""What happens, drawn from a seed: a list of steps that can be shortened and still be replayed.

Every step carries what it needs, its own seed included, and does nothing where it does not apply.
"""

import random
from typing import NamedTuple


class Step(NamedTuple):
    """One thing that happens; ``number`` is a seed, a choice or milliseconds."""

    kind: str
    number: int = 0
    words: tuple[str, ...] = ()


# A kill is a kill with SIGKILL of a cycle in the middle, wherever it is; a strike is one at a
# process that the cycle has started.
_WEIGHTS = {
    "change": 40,
    "fault": 22,
    "heal": 5,
    "cycle": 45,
    "start": 16,
    "kill": 26,
    "strike": 8,
    "clock": 12,
    "terminate": 6,
    "carry": 4,
    "configure": 7,
    "command": 8,
    "fill": 4,
    "free": 6,
}
_MOMENTS = (0, 5, 20, 60, 150, 300, 600, 1_000)  # milliseconds at most
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sync", "--now"),
    ("sync", "--accept-removals"),
    ("verify", "--repair"),
    ("verify", "--no-rehash"),
    ("rollback", "1"),
    ("rollback", "3"),
    ("rollback", "--release"),
    ("tag", "2", "good"),
    ("tag", "--move", "1", "good"),
    ("tag", "--delete", "good"),
    ("prune",),
    ("status",),
    ("plan",),
    ("generations",),
)


def drawn(seed: int, count: int) -> list[Step]:
    """Returns so many steps; the last one settles everything and compares."""
    draw = random.Random(seed)
    kinds = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    return [*(_step(kind, draw) for kind in kinds), Step("settle", draw.randrange(2))]


def _step(kind: str, draw: random.Random) -> Step:
    if kind == "kill":
        whom = draw.choice(((), (), ("all",)))
        return Step(kind, draw.randint(0, draw.choice(_MOMENTS)), whom)
    if kind == "strike":
        how = draw.choice((("kill",), ("kill",), ("stop",)))
        return Step(kind, draw.randint(0, draw.choice(_MOMENTS)), how)
    if kind == "carry":  # export and import are cut so many milliseconds after their start
        export, import_ = (draw.choice((0, draw.randint(200, 999))) for _ in range(2))
        return Step(kind, export * 1_000 + import_)
    if kind == "command":
        return Step(kind, 0, draw.choice(COMMANDS))
    return Step(kind, draw.randrange(1_000_000))
