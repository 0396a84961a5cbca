"""Whether bundles feed this mirror, and which one it took in last.

Read-only, through :class:`pypisync.catalog.db.reader.Reader`. Times are seconds since 1970.
"""

from msgspec import Struct

from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.setting_names import BUNDLE, REFUSED
from pypisync.core.bundles import succession


class LastBundle(Struct, frozen=True):
    """The bundle that was imported last."""

    mirror: str  # that wrote it
    bundle: int  # its number
    generation: int  # there
    made: float  # when it was exported there: since then nothing is known
    imported: float
    next: int  # the number of the bundle that comes next
    refused: str  # why the daemon could not import what lies in its folder; ""


def last_bundle(reader: Reader) -> LastBundle | None:
    """Returns the bundle; None: the mirror follows indexes by itself. Raises CatalogError."""
    fed = succession.read_fed(
        reader.value("SELECT max(value) FROM settings WHERE name = ?", BUNDLE)
    )
    if fed is None:
        return None
    point, why = fed.point, refusal(reader)
    return LastBundle(
        fed.mirror, point.sequence, point.generation, fed.made, fed.at, point.sequence + 1, why
    )


def refusal(reader: Reader) -> str:
    """Returns why the daemon could not import what lies in its folder; "" if it could."""
    return reader.value("SELECT max(value) FROM settings WHERE name = ?", REFUSED) or ""
