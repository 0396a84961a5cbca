"""Targets of a mask, as tests show them."""

from pypisync.core.standards.model import Targets


def named(targets: Targets, mask: int) -> list[str]:
    """Returns the names of the targets in ``mask``, in order."""
    return [target.name for i, target in enumerate(targets.all) if mask >> i & 1]
