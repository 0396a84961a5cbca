"""Whether a bundle is the next one for the mirror that is to take it in."""

import msgspec
from msgspec import Struct

from pypisync.core.bundles.manifest import Manifest, Point
from pypisync.errors import BundleError, CatalogError


class Fed(Struct, frozen=True, forbid_unknown_fields=True):
    """What a mirror that is fed by bundles remembers of the last one."""

    mirror: str  # that wrote it
    point: Point  # to which it led
    number: int  # of the generation here that lists the same
    made: float  # when it was exported, seconds since 1970
    at: float  # when it was imported


def read_fed(said: str | None) -> Fed | None:
    """Returns what a mirror remembers as text; None: nothing. Raises CatalogError."""
    if not said:
        return None
    try:
        return msgspec.json.decode(said, type=Fed)
    except msgspec.DecodeError as error:
        raise CatalogError(f"what is known of the last bundle cannot be read: {error}") from None


def is_next(manifest: Manifest, fed: Fed | None, name: str) -> bool:
    """Returns whether the bundle is to be imported; False: it is here already.

    ``name`` is what the bundle is called. Raises BundleError if it is not for the state that the
    mirror has, and says which bundle is.
    """
    if fed is None:
        if manifest.base is not None:
            raise BundleError(
                f"{name}: it goes on from bundle {manifest.base.sequence}, and this mirror has"
                " imported none yet: begin with one that has no base (export --full)"
            )
        return True
    if manifest.mirror != fed.mirror:
        raise BundleError(
            f"{name}: from another mirror ({manifest.mirror[:8]}), this one is fed by"
            f" {fed.mirror[:8]}: import it into a folder of its own"
        )
    here, target, base = fed.point, manifest.target, manifest.base
    if target.state == here.state:  # one with a base brings files that are lost
        return base is not None and base.state == here.state
    if target.sequence <= here.sequence:
        raise BundleError(
            f"{name}: already overtaken: it leads to bundle {target.sequence}, and this mirror is"
            f" at bundle {here.sequence} already: {wanted(fed)}"
        )
    if base is not None and base.state != here.state:
        gap = "" if base.sequence <= here.sequence else f"; missing: {_gap(here, base)}"
        raise BundleError(
            f"{name}: it goes on from bundle {base.sequence} (generation {base.generation}), and"
            f" this mirror is at bundle {here.sequence} (generation {here.generation}){gap}:"
            f" {wanted(fed)}"
        )
    return True


def wanted(fed: Fed) -> str:
    """Returns which bundle comes next, in words."""
    return (
        f"next comes bundle {fed.point.sequence + 1}, or any later one that was exported"
        f" since generation {fed.point.generation} or with --full; if bundles are lost, carry out"
        ' a report ("pypisync import --report")'
    )


def _gap(here: Point, base: Point) -> str:
    first, last = here.sequence + 1, base.sequence
    return f"bundle {first}" if first == last else f"bundles {first} to {last}"
