"""Checks what was read of wheels by Range against the wheels, once they have come."""

from hashlib import sha256

from pypisync.catalog.facts.ranged import Unverified, unverified, verified
from pypisync.cycle.isolation import guarded
from pypisync.cycle.mirror import Mirror
from pypisync.storage import archives


def verify_ranged(mirror: Mirror) -> dict[str, str]:
    """Check what was read of wheels by Range against those that have come since.

    Returns why by "name==version" where the wheel says something else: the requirements of that
    release are to be read again then. Raises Malformed for a path that leaves the mirror.
    """
    with mirror.catalog.begin() as connection:
        found = unverified(connection)
    doubted: dict[int, Unverified] = {}
    for one in found:
        told = ""
        with guarded(repr):  # one that cannot be read says something else
            told = sha256(archives.wheel_metadata(mirror.pool.absolute(one.path))).hexdigest()
        if told != one.metadata_sha256:
            doubted[one.release] = one
    if found:
        sound = [one.release for one in found if one.release not in doubted]
        with mirror.catalog.begin() as connection:
            verified(connection, sound, doubted)
    return {f"{one.project}=={one.version}": _differs(one) for one in doubted.values()}


def _differs(one: Unverified) -> str:
    return (
        f"{one.path.rpartition('/')[2]}: upstream sent another METADATA when parts of this wheel "
        "were asked for than the wheel has; the wheel's own counts"
    )
