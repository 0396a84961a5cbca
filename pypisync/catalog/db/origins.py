"""The origins of roots in SQL, made from their enum; ``ro`` is the table of roots."""

from pypisync.core.wanted.roots import OWN, Origin

OPERATORS = f"ro.origin NOT IN {tuple(map(str, OWN))}"
"""The condition on roots that an operator wrote."""

SHOWN = (
    f"CASE ro.origin WHEN '{Origin.PATTERN}' THEN ro.source"
    f" WHEN '{Origin.GROUP}' THEN '{Origin.GROUP}:' || ro.source ELSE ro.origin END"
)
"""What :func:`pypisync.core.wanted.roots.shown` returns."""
