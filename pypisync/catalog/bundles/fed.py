"""What a mirror remembers of the bundle that it took in last."""

from sqlalchemy import Connection

from pypisync.catalog.db.setting_names import BUNDLE, REFUSED
from pypisync.catalog.facts import pending
from pypisync.core.bundles import manifest, succession
from pypisync.core.bundles.succession import Fed
from pypisync.errors import BundleError


def fed(connection: Connection) -> Fed | None:
    """Returns what this mirror was fed with last; None: it follows indexes by itself.

    Raises CatalogError.
    """
    return succession.read_fed(pending.setting(connection, BUNDLE))


def set_fed(connection: Connection, last: Fed) -> None:
    """Remember the bundle that was imported."""
    pending.set_setting(connection, BUNDLE, manifest.to_line(last).decode().strip())


def set_refusal(connection: Connection, reason: str) -> None:
    """Remember why nothing more could be imported; "" if it could."""
    if (pending.setting(connection, REFUSED) or "") != reason:
        pending.set_setting(connection, REFUSED, reason)


def refuse(connection: Connection) -> None:
    """Raise BundleError if bundles feed this mirror: then it asks no index. Raises CatalogError."""
    last = fed(connection)
    if last is not None:
        raise BundleError(
            f"bundles of mirror {last.mirror[:8]} feed this one, so it asks no index:"
            f' "pypisync import"; {succession.wanted(last)}'
        )
