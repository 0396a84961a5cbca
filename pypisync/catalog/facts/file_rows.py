"""Files as rows: what is stored of a file, what upstream said of it, and whether it is kept.

The SHA-256 of a row is the one upstream states, or else, once they came, that of its bytes.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from packaging.version import Version

from pypisync.catalog.db.sql import to_text
from pypisync.catalog.facts.existing import Existing
from pypisync.core.filters.file_rules import FileFacts, Rules, keep
from pypisync.core.filters.policy import Bar, judge
from pypisync.core.standards import filenames
from pypisync.core.standards.filenames import ParsedFile
from pypisync.core.standards.metadata import is_foreign
from pypisync.core.standards.model import File
from pypisync.core.standards.requires_python import INSTALLERS

# Of each file: whether it is kept, and the mask of the targets that can use it.
Kept = Sequence[tuple[bool, str]]
# The columns of a release that follow from its files.
MASKS = (
    "admits", "admits_yanked", "builds", "unsure", "serves", "serves_yanked", "not_pip", "not_uv",
    "unseen_pip", "outside_uv", "yanked_pip", "yanked_uv", "built", "pinned_uv",
)  # fmt: skip
# What is known of a file whose METADATA was not read.
UNREAD: dict[str, Any] = {"inside_python": None, "refused_pip": "", "refused_uv": ""}


def file_row(
    release: int, file: File, parsed: ParsedFile, bar: Bar | None, kept: tuple[bool, str]
) -> dict[str, Any]:
    """Returns the columns of a file; ``kept`` is whether it is kept, and for which targets."""
    return {
        "release_id": release,
        "filename": file.filename,
        "url": file.url,
        "path": filenames.pool_path(file),
        "sha256": file.sha256,
        "stated": None if file.sha256 else file.stated,
        "size": file.size,
        "uploaded": file.uploaded,
        "requires_python": file.requires_python,
        "yanked": file.yanked,
        "metadata_sha256": file.metadata_sha256,
        "provenance": file.provenance,
        "index_name": file.index,
        "kind": parsed.kind,
        "kept": kept[0],
        "admits": kept[1],
        "barred": bar.reason if bar else "",
        "matures": bar.until if bar else None,
        **UNREAD,
    }


def row_file(row: Any) -> File:
    """Returns the file as upstream stated it."""
    return File(
        filename=row.filename,
        url=row.url,
        sha256=row.sha256 if row.stated is None else "",
        size=row.size,
        uploaded=row.uploaded,
        requires_python=row.requires_python,
        yanked=row.yanked,
        metadata_sha256=row.metadata_sha256,
        provenance=row.provenance,
        index=row.index_name,
        stated=row.stated or "",
    )


def known_sha256(file: File, was: Any) -> str:
    """Returns the SHA-256 that upstream states, else that of the bytes that came before.

    Another hash than the one stated then says that the bytes are others; nothing else does.
    """
    if file.sha256 or was is None:
        return file.sha256
    same = not file.stated or was.stated in (None, "", file.stated)
    return str(was.sha256) if same else ""


def file_facts(file: File, parsed: ParsedFile, was: Any, *, barred: bool) -> FileFacts:
    """Returns what keeping a file depends on; ``was`` is its row before, or None."""
    yanked, reason = file.yanked is not None, bool(file.yanked)
    if was is None or not same_source(file, was):
        return FileFacts(parsed, file.requires_python, yanked, barred, reason=reason)
    refused = {"pip": was.refused_pip, "uv": was.refused_uv}
    return FileFacts(
        parsed,
        file.requires_python,
        yanked,
        barred,
        was.inside_python,
        tuple(by for by in INSTALLERS if refused[by]),
        is_foreign(refused["pip"]),
        reason,
    )


def same_source(file: File, was: Any) -> bool:
    """Returns whether what was read of a file holds for what upstream states now.

    An address may be signed anew on every page, behind its "?"; the hash tells that it is the file.
    """
    sha256 = known_sha256(file, was)
    if (sha256, file.metadata_sha256) != (was.sha256, was.metadata_sha256):
        return False
    return file.url == was.url or (sha256 != "" and _place(file.url) == _place(was.url))


def _place(url: str) -> str:
    return url.partition("?")[0]


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
        have = self._known.files(was.id) if was else {}
        files = [
            file_facts(file, parsed, have.get(file.filename), barred=bar is not None)
            for (file, parsed), bar in zip(entries, bars, strict=True)
        ]
        alike = tuple(
            (f.parsed.tags, f.parsed.remainder, f.requires_python, f.yanked, f.barred, f.inside,
             f.refused_by, f.foreign, f.reason)
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
        have = self._known.files(was.id) if was else {}
        known = (
            replace(file, sha256=known_sha256(file, have.get(file.filename))) for file, _ in entries
        )
        return [judge(policy, name, str(version), file, bad, self._now) for file in known]
