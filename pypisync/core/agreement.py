"""The pins that every installer agrees on, where there are such.

If each requirement by itself calls for the same release of a project as all the others do, no
order of deciding and no backtracking matters: whoever prefers the newest ends there. That is so
for most roots, and found by one walk.
"""

from pypisync.core.admission import Admission, Mode
from pypisync.core.offers import Asked


def agreed(admission: Admission, wanted: Asked) -> dict[str, int] | None:
    """Pins by project; None if two requirements call for different releases, or one for none.

    Raises Lacking.
    """
    ground = admission.ground
    pins: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(wanted)
    while waiting:
        need = waiting.pop()
        if need.fault:
            return None
        admitted = admission.admitted(need.name, need.specifier, Mode.STRICT)
        best = admission.best(need.name, admitted, Mode.STRICT)
        if best is None or pins.setdefault(need.name, best) != best:
            return None
        for extra in ("", *need.extras):
            if (need.name, extra) not in seen:
                seen.add((need.name, extra))
                waiting.extend(ground.needs(need.name, best, extra))
    return pins
