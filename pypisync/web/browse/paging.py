"""Long lists as pages."""

from msgspec import Struct

SIZE = 50
_LARGEST = 100_000


class Paging(Struct, frozen=True):
    """Page ``number`` (from 1) of a list."""

    number: int
    size: int = SIZE
    total: int = 0

    @property
    def offset(self) -> int:
        """How many entries come before."""
        return (self.number - 1) * self.size

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(-(-self.total // self.size), 1)

    def of(self, total: int) -> "Paging":
        """Returns the same page of a list of so many entries."""
        return Paging(self.number, self.size, total)


def number(text: str) -> int:
    """Returns the page number that a client asks for; 1 if that is none."""
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(asked, 1), _LARGEST)
