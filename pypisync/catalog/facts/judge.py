"""Which files are kept, whom they serve, and what the policy says to them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from packaging.version import Version

from pypisync.catalog.db.sql import to_text
from pypisync.catalog.facts.existing import Existing
from pypisync.catalog.facts.file_rows import file_facts, known_sha256
from pypisync.core.filters.file_rules import Rules, keep
from pypisync.core.filters.policy import Bar, judge
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.model import File

# Of each file: whether it is kept, and the mask of the targets that can use it.
Kept = Sequence[tuple[bool, str]]
# The columns of a release that follow from its files.
MASKS = (
    "admits", "admits_yanked", "builds", "unsure", "serves", "serves_yanked", "not_pip", "not_uv",
)  # fmt: skip


class Judge:
    """Judges the files of releases by the rules, at one moment (seconds since 1970)."""

    def __init__(self, rules: Rules, known: Existing, now: float) -> None:
        self._rules = rules
        self._known = known
        self._now = now
        self._idle = rules.bars.idle
        self._alike: dict[object, tuple[Kept, dict[str, Any]]] = {}

    def keep(
        self, entries: list[tuple[File, ParsedFile]], bars: Sequence[Bar | None], was: Any
    ) -> tuple[Kept, dict[str, Any]]:
        """Returns which files are kept and for which targets, and the columns that follow from it.

        Releases of a project are mostly alike in what that depends on, so results are kept. ``was``
        is the release before, or None.
        """
        have = self._known.files.get(was.id, {}) if was else {}
        files = [
            file_facts(file, parsed, have.get(file.filename), barred=bar is not None)
            for (file, parsed), bar in zip(entries, bars, strict=True)
        ]
        alike = tuple(
            (f.parsed.tags, f.parsed.remainder, f.requires_python, f.yanked, f.barred, f.inside,
             f.refused_by)
            for f in files
        )  # fmt: skip
        if alike not in self._alike:
            rules = self._rules
            kept = keep(files, rules.policy, rules.targets, rules.machines)
            masks = {name: to_text(getattr(kept, name)) for name in MASKS}
            derived = {"kept": any(wanted for wanted, _ in kept.files), **masks}
            self._alike[alike] = [(wanted, to_text(mask)) for wanted, mask in kept.files], derived
        return self._alike[alike]

    def bars(
        self, project: int, version: Version, entries: list[tuple[File, ParsedFile]], was: Any
    ) -> list[Bar | None]:
        """Returns what the policy says to each file."""
        if self._idle:
            return [None] * len(entries)
        name = self._known.projects[project].name
        policy = self._rules.bars.of(name)
        bad = self._known.vulnerable.get(was.id, ()) if was else ()
        have = self._known.files.get(was.id, {}) if was else {}
        known = (
            replace(file, sha256=known_sha256(file, have.get(file.filename))) for file, _ in entries
        )
        return [judge(policy, name, str(version), file, bad, self._now) for file in known]
