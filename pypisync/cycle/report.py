"""What a cycle did."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from msgspec import Struct, field


class Report(Struct):
    """What a cycle did."""

    serial: int = 0
    generation: int = 0  # 0: nothing was published
    frozen: int = 0  # the generation that the index stays at; 0: it follows upstream
    changes: int = 0  # rows of the changelog
    projects_read: int = 0  # documents asked for
    releases_read: int = 0  # releases whose requirements were read, listed in the end or not
    files: int = 0  # files fetched
    bytes: int = 0
    pages: int = 0  # page files written
    pruned: int = 0  # files deleted
    failed: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    proofs: dict[str, int] = field(default_factory=dict)  # by verdict, over roots and targets
    seconds: dict[str, float] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)  # of upstream: "project ok", ...

    @property
    def exit_code(self) -> int:
        """0: done; 1: done, but something is held or failed."""
        return 1 if self.failed or self.held else 0

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Returns a context that adds the time of its block to the ``seconds`` of a step."""
        start = perf_counter()
        yield
        before = self.seconds.get(step, 0.0)
        self.seconds[step] = round(before + perf_counter() - start, 3)
