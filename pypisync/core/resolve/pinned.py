"""Releases that a root pins: to uv none of their files is yanked.

Its ``yanks.rs`` (``AllowedYanks``): those that one ``==`` or ``===`` of a wanted line or of a
constraint names. uv may take another file of such a release then, or read another one's METADATA.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from pypisync.core.resolve.index import ListedRelease, Offers
from pypisync.core.standards.model import Requirement
from pypisync.core.standards.versions import key_of


def key_pinned(specifier: str) -> bytes | None:
    """Returns the key of the one version that a specifier pins for uv; None if it pins none.

    With a further clause or a ``*`` it pins none. pip's rule is another one
    (:func:`pypisync.core.resolve.check_pins.pins_one`).
    """
    pin = specifier.lstrip("=")
    return key_of(pin) if specifier.startswith("==") and "," not in pin else None


def pinned(offers: Offers, asked: Iterable[Requirement]) -> Offers:
    """Returns what an index offers to those who ask for this, constraints included.

    It is ``offers`` itself where no pin makes a difference, as almost always.
    """
    turned: dict[str, list[ListedRelease]] = {}
    for need in asked:
        if (key := key_pinned(need.specifier)) is None:
            continue
        some = turned.get(need.name) or offers.releases.get(need.name, ())
        if any(one.key == key and _turns(one) for one in some):
            turned[need.name] = [_as_pinned(o) if o.key == key else o for o in some]
    return replace(offers, releases={**offers.releases, **turned}, _asked={}) if turned else offers


def _turns(release: ListedRelease) -> bool:
    if release.serves is None:
        return len({file.yanked for file in release.files}) > 1
    parted = (need.machines for need in release.needs if need.machines is not None)
    return bool(release.pinned) or any(uv != by_pin for _, uv, by_pin in parted)


def _as_pinned(release: ListedRelease) -> ListedRelease:
    pip, uv = release.passed
    return replace(
        release,
        root_pins=True,
        passed=(pip, uv ^ release.pinned),
        outside=release.outside & ~release.pinned,
        pinned=0,
        needs=tuple(map(_need, release.needs)),
    )


def _need(need: Requirement) -> Requirement:
    if need.machines is None:
        return need
    pip, _, by_pin = need.machines
    return replace(need, machines=(pip, by_pin, by_pin))
