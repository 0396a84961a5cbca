"""How roots are told in SQL, made from the enum of their origins; ``ro`` is their table."""

from pypisync.core.wanted.roots import OWN, Origin

OPERATORS = f"ro.origin NOT IN {tuple(map(str, OWN))}"
"""The condition on roots that an operator wrote."""

SHOWN = (
    f"CASE ro.origin WHEN '{Origin.PATTERN}' THEN ro.source"
    f" WHEN '{Origin.GROUP}' THEN '{Origin.GROUP}:' || ro.source ELSE ro.origin END"
)
"""What :func:`pypisync.core.wanted.roots.shown` returns."""

EXTRAS = "CASE WHEN ro.pinned THEN '=' ELSE ro.extras END"
"""The extras as the views have told them from the first: "=" for a release of a lock file."""
