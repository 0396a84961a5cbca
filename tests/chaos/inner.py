"""A mirror without an index, fed by bundles of the one under attack."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.chaos import promises
from tests.chaos.promises import BrokenError
from tests.cli.running import Done, configure
from tests.recipe.mirrors import tree_bytes

Run = Callable[..., Done]  # of a configuration and words; after one try that is killed, if ``cut``


class Inner:
    """``carry`` brings it what is new outside; ``run`` runs commands."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.data = folder / "inner" / "data"
        self._media = folder / "media"
        self._config = configure(folder / "inner", bundles={"unsigned": True})
        self._run = run
        self._begun = False

    def carry(self, outer: Path, cuts: tuple[int, int]) -> int:
        """Export from the mirror with this configuration, and import here.

        Both are killed after so many milliseconds first (0: they are not). Returns the
        exit code of the export; 0: everything came that is outside. Raises BrokenError.
        """
        whole = () if self._begun else ("--full",)
        to = "--to", str(self._media), "--unsigned"
        export, import_ = cuts
        exported = self._run(outer, "export", *to, *whole, cut=export)
        if exported.code != 0:
            return exported.code
        self._begun = True
        imported = self._run(self._config, "import", "--unsigned", str(self._media), cut=import_)
        if imported.code != 0:
            raise BrokenError("import", imported.out[-2_000:])
        promises.links(self.data)
        promises.nothing_else(self.data, f"sqlite:///{self.data.with_suffix('.sqlite')}", set())
        verified = self._run(self._config, "verify")
        if verified.out != "no faults\n":
            raise BrokenError("verify", f"inner: {verified.out[-2_000:]}")
        return 0

    def end(self, outer: Path) -> None:
        """Forget both ends of the link: what was exported is kept, whatever its age."""
        for folder in (self.data.parent, self._media, outer / ".exports"):
            shutil.rmtree(folder, ignore_errors=True)

    def same(self, outer: Path) -> None:
        """Raises BrokenError if the pages of the mirror in ``outer`` are others."""
        here, there = tree_bytes(self.data, "simple"), tree_bytes(outer, "simple")
        if here != there:
            other = sorted(dict(here.items() ^ there.items()))
            indexes = [place / "simple" / "index.html" for place in (self.data, outer)]
            texts = [one.read_text("utf-8") if one.exists() else None for one in indexes]
            raise BrokenError("carried", f"pages that differ: {other[:12]}, inner, outer: {texts}")
