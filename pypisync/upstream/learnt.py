"""The forms of project documents that an index has, learnt from its answers."""

from dataclasses import dataclass

from pypisync.core.standards.model import FORMS, Form


@dataclass(slots=True)
class Learnt:
    """What the answers have shown of an upstream. Threads share it: each learns the same."""

    best: Form | None = None  # the richest form that was seen

    def saw(self, form: Form) -> None:
        """Learn that there are documents in this form."""
        if self.best is None or rank(form) > rank(self.best):
            self.best = form


def rank(form: Form) -> int:
    """Returns how rich a form is: the richer, the higher."""
    return FORMS.index(form)
