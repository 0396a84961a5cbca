"""What the search for a proof may cost."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace


@dataclass(slots=True)
class Budget:
    """What a proof may cost. Raises Spent when it is used up."""

    steps: int = 200_000  # decisions, conflicts and what is derived from them
    until: float = float("inf")  # by the clock
    clock: Callable[[], float] = field(default=lambda: 0.0)
    used: int = 0

    def step(self) -> None:
        """Count one. Raises Spent."""
        self.used += 1
        if self.used > self.steps:
            raise Spent
        if self.used & 63 == 1:
            self.check()

    def check(self) -> None:
        """Look at the clock. Raises Spent if the time is over."""
        if self.clock() >= self.until:
            raise Spent

    def left(self) -> float:
        """Returns the seconds that are left."""
        return self.until - self.clock()

    def share(self, part: int) -> "Budget":
        """Returns a budget with a part of the steps that are left."""
        until = self.until
        if until != float("inf"):
            now = self.clock()
            until = now + max(until - now, 0) / part
        return replace(self, steps=self.used + (self.steps - self.used) // part, until=until)


class Spent(Exception):  # noqa: N818 - the name is the fact
    """The budget is used up: the search has no result."""
