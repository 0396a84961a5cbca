"""Which bundles lie where, and which of them are signed as they should be."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pypisync.core.bundles import manifest, signatures
from pypisync.core.bundles.manifest import Manifest
from pypisync.core.bundles.signatures import Trust
from pypisync.errors import BundleError
from pypisync.storage import disk, keys, parts


class Bundle(Struct, frozen=True):
    """A bundle that is to be imported."""

    manifest: Manifest
    name: str  # of the manifest's file
    folders: Sequence[Path]  # in which its parts are looked for
    named: bool = True  # by the operator; else it lies in a folder that is

    @property
    def order(self) -> tuple[int, int]:
        """What comes first is imported first; of two to the same state the smaller one."""
        base = self.manifest.base
        return self.manifest.target.sequence, -(base.sequence if base else 0)


class Unusable(Struct, frozen=True):
    """A manifest in a folder that cannot be read, or that is not signed as it should be."""

    name: str  # of its file
    fault: BundleError

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among bundles, by its name."""
        _, target, base = manifest.told_by(self.name)
        return target, -base


def open_all(places: Iterable[Path], trust: Trust, now: float) -> list[Bundle | Unusable]:
    """Returns the bundles of these manifests, and of the folders among them, in their order.

    Parts are looked for beside their manifest, then in the folders. Raises BundleError if there is
    no bundle, or one that is named cannot be used or is not signed as ``trust`` wants it ``now``
    (seconds since 1970); StorageError, ConfigError for a key that cannot be used.
    """
    places = list(places)
    folders = [place for place in places if _is_folder(place)]
    folders += [copy for folder in folders for copy in copies(folder)]
    opener = _Opener(folders, trust, now)
    found: list[Bundle | Unusable] = [
        opener.open(place) for place in places if place not in folders
    ]
    found += _in_folders(folders, opener)
    if not found:
        raise BundleError(f"{', '.join(map(str, folders))}: no bundle is there")
    return sorted(found, key=lambda one: one.order)


def _is_folder(place: Path) -> bool:
    """Returns whether a folder is there, or a link to one."""
    with disk.guarded(place):
        return place.is_dir()


def copies(folder: Path) -> list[Path]:
    """Returns the folders with further copies of what is in this one. Raises StorageError."""
    with disk.guarded(folder):
        found = sorted(folder.glob(f"{manifest.COPY}*"))
    return [one for one in found if disk.is_folder(one)]


def _in_folders(folders: Sequence[Path], opener: "_Opener") -> Iterator[Bundle | Unusable]:
    """Yields each bundle once; of several manifests of one name the first that can be used."""
    names: dict[str, list[Path]] = {}
    for folder in folders:
        with disk.guarded(folder):
            there = sorted(one.name for one in folder.iterdir())
        for name in filter(manifest.is_manifest, there):
            names.setdefault(name, []).append(folder / name)
    for candidates in names.values():
        for place in candidates:
            try:
                yield replace(opener.open(place), named=False)
                break
            except BundleError as error:
                if place == candidates[-1]:
                    yield Unusable(place.name, error)


class _Opener:
    """Opens bundles whose parts and signatures lie beside them or in these folders."""

    def __init__(self, folders: Sequence[Path], trust: Trust, now: float) -> None:
        self._folders = folders
        self._trust = trust
        self._now = now
        self._signatures = cache(keys.names)  # a folder may hold those of thousands of bundles

    def open(self, place: Path) -> Bundle:
        """Returns the bundle with this manifest. Raises BundleError, StorageError, ConfigError."""
        found, data = parts.read_manifest(place)
        if found.signed:
            there = {one: self._signatures(one) for one in (*self._folders, place.parent)}
            signs = keys.found(place, there)
            signatures.check(data, signs, self._trust, self._now, place.name)
        elif not self._trust.unsigned:
            raise BundleError(
                f"{place.name}: not signed: say --unsigned if you trust the way that it came"
            )
        return Bundle(found, place.name, (place.parent, *self._folders))
