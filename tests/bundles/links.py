"""Two mirrors with nothing but bundles between them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pypisync.catalog.db.views import VIEWS
from pypisync.core.bundles.manifest import Manifest
from pypisync.core.bundles.signatures import SigningKey, Trust
from pypisync.cycle.export import Export, write_bundle
from pypisync.cycle.import_bundle import import_all
from pypisync.cycle.open_bundles import open_all
from pypisync.cycle.report import Report
from pypisync.storage.exports import Exported, Exports
from tests.recipe.mirrors import Bench, tree_bytes
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

# What each mirror has of its own: which generations it keeps, its runs, what it still has to ask.
OWN = {
    "v_changes", "v_generations", "v_generation_names", "v_pending", "v_published_pins",
    "v_published_proofs", "v_runs", "v_statuses",
}  # fmt: skip


@dataclass
class Link:
    """A mirror outside, one inside, and the media between them."""

    outside: Bench
    inside: Bench
    media: Path
    trust: Trust = field(default_factory=lambda: Trust(unsigned=True))
    keys: Sequence[SigningKey] = ()

    def export(
        self, base: Exported | str | None = "last", *, split: int = 2**20, to: Path | None = None
    ) -> tuple[Path, Manifest] | None:
        """Writes a bundle since the last one (``None``: everything) onto the media."""
        exports = Exports(self.outside.folder)
        catalog = self.outside.reopened()
        with exports.alone():
            chosen = exports.newest() if base == "last" else base
            assert not isinstance(chosen, str)
            asked = Export(to or self.media, chosen, split, self.keys)
            return write_bundle(catalog, self.outside.folder, asked, self.outside.clock)

    def made(self) -> Path:
        """Exports what is new, of which there must be something. Returns the manifest's place."""
        found = self.export()
        assert found is not None
        return found[0]

    def import_(self, *places: Path) -> list[Report | None]:
        """Imports the bundles with these manifests or in these folders, as a new process would."""
        self.inside.folder.mkdir(parents=True, exist_ok=True)
        mirror = self.inside.mirror(self.inside.reopened())
        bundles = open_all(places, self.trust, mirror.now())
        return [one for _, one in import_all(mirror, bundles)]

    def carry(self) -> Report | None:
        """Exports what is new, and imports it."""
        made = self.export()
        return None if made is None else self.import_(made[0])[0]

    def check(self, known: "Known | None" = None) -> None:
        """The inside is as the outside: pages, what they list, and all views.

        ``known``: what the outside is, where that has not changed.
        """
        inside, outside = views(self.inside), known or self.known()
        for name, rows in outside.views.items():
            assert inside[name] == rows, name
        assert published(self.inside) == outside.published
        assert pages(self.inside) == outside.pages

    def known(self) -> "Known":
        """What the outside is."""
        return Known(views(self.outside), published(self.outside), pages(self.outside))


@dataclass(frozen=True)
class Known:
    """What one of two mirrors is, as far as the other must be the same."""

    views: dict[str, list[tuple[Any, ...]]]
    published: list[tuple[Any, ...]]
    pages: dict[str, str]


def pages(bench: Bench) -> dict[str, str]:
    """Every page's hash, by its path; every file on them is there, with its hash."""
    bench.listed()
    return tree_bytes(bench.folder, "simple")


def views(bench: Bench) -> dict[str, list[tuple[Any, ...]]]:
    """What the stable views say, but for what each mirror has of its own."""
    names = [view.name for view in VIEWS if view.name not in OWN]
    found = bench.queries(*(f"SELECT {_WANTED.get(name, '*')} FROM {name}" for name in names))
    return {name: sorted(rows, key=repr) for name, rows in zip(names, found, strict=True)}


# Files that are on no page may still be stored for an older generation that one of them keeps, and
# one bundle may lead over several generations.
_WANTED = {
    "v_listed": "project, version, filename, path, sha256, size, uploaded, requires_python, yanked",
    "v_files": "project, version, filename, kind, size, sha256, uploaded, requires_python, yanked,"
    " kept, path, barred, verified, listed, listed * stored, index_name",
    "v_quarantined": "project, version, since, files",
}


def published(bench: Bench) -> list[tuple[Any, ...]]:
    """The verdicts of the newest generation, with their pins."""
    return sorted(
        bench.query(
            "SELECT h.subject, h.targets, h.verdict, p.name, p.version, p.extras, p.chosen_by"
            " FROM published_proofs h LEFT JOIN published_pins p ON p.published_proof_id = h.id"
            " WHERE h.last IS NULL"
        ),
        key=repr,
    )


def linked(folder: Path, world: World, packages: dict[str, list[str]]) -> Link:
    """An outside that follows the world, and an inside that knows no index."""
    (folder / "inside").mkdir(parents=True)
    outside = Bench(folder / "outside", MemoryUpstream(world), packages, retention=1e9)
    inside = Bench(folder / "inside", MemoryUpstream(World()), {}, retention=1e9)
    return Link(outside, inside, folder / "media")


def one_generation(folder: Path, world: World) -> Link:
    """An outside with one generation, and an inside with nothing."""
    world.publish("app", "1.0", requires=["lib"])
    world.publish("lib", "1.0")
    made = linked(folder, world, {"app": ["latest"]})
    made.outside.sync()
    return made


def of_several_parts(folder: Path, world: World) -> Link:
    """The inside has one bundle; a second one, of several parts, can be exported."""
    link = one_generation(folder, world)
    link.carry()
    shutil.rmtree(link.media)
    for name in ("x", "y"):
        world.publish(name, "1.0", size_padding=700_000)
    world.publish("app", "2.0", requires=["x", "y"])
    link.outside.sync()
    return link


def everything(bench: Bench) -> tuple[dict[str, str], list[Any]]:
    """Every file of the mirror but its database and locks, and every row that counts."""
    found = bench.queries(*(f"SELECT * FROM {name}" for name in _TABLES))
    return tree_bytes(bench.folder), [sorted(rows, key=repr) for rows in found]


_TABLES = (
    "settings", "projects", "releases", "files", "requirements", "roots", "selected", "edges",
    "stored", "asked", "held", "generations", "published", "pages", "published_proofs",
    "published_pins",
)  # fmt: skip
