"""What the answers of an index have shown: the forms of its documents, and for how long to wait."""

from collections.abc import Callable

from msgspec import Struct

from pypisync.core.standards.model import FORMS, Form
from pypisync.upstream.manners import Gate


class Learnt(Struct):
    """What the answers have shown of an upstream. Threads share it: each learns the same."""

    best: Form | None = None  # the richest form that was seen
    heard: Callable[[Form], object] | None = None  # is told of a richer one

    def saw(self, form: Form) -> None:
        """Learn that there are documents in this form."""
        if self.best is None or rank(form) > rank(self.best):
            self.best = form
            if self.heard is not None:
                self.heard(form)


class News(Struct, frozen=True):
    """Something learnt of an index: what a host of it asks for, or a form of its documents."""

    index: str
    origin: str = ""  # "": none of a host
    gate: Gate | None = None  # None: the host may be asked again
    best: Form | None = None


def rank(form: Form) -> int:
    """Returns how rich a form is: the richer, the higher."""
    return FORMS.index(form)
