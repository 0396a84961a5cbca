"""All files that upstream offers of a project, and why the targets can use none of them."""

from sqlalchemy import Connection, select

from pypisync.catalog.db.schema import files, projects, releases
from pypisync.core.environments.misfits import TaggedFile, why_unusable
from pypisync.core.filters.file_rules import FilePolicy, Rules, left_out
from pypisync.core.resolve.index import OfferedFile
from pypisync.core.standards import versions
from pypisync.core.standards.filenames import parse
from pypisync.core.standards.specifiers import matcher

_MOST_FILES = 5_000  # of a project that are looked at


def all_files(connection: Connection, name: str, policy: FilePolicy) -> list[OfferedFile]:
    """Returns the files of a project (normalised name), also those that are not kept.

    The oldest release comes first; of a project with very many files the oldest are left out. A
    file that the policy bars counts as one that fits: what is barred is told elsewhere.
    """
    f = files.c
    query = (
        select(releases.c.version, f.filename, f.requires_python, f.inside_python, f.kept, f.barred)
        .join_from(files, releases)
        .join(projects)
        .where(projects.c.name == name)
        .order_by(releases.c.key.desc(), f.filename)
        .limit(_MOST_FILES)
    )
    found = []
    for version, filename, python, inside, kept, barred in connection.execute(query):
        parsed = parse(name, filename)
        left = "" if kept or barred else left_out(parsed, policy)
        tags = parsed.tags if parsed.kind == "wheel" else None
        found.append(OfferedFile(version, TaggedFile(tags, (python, inside), left)))
    return found[::-1]


def why_none_fits(connection: Connection, name: str, specifier: str, rules: Rules) -> str:
    """Returns why a target can use no file of the releases that match; "" if that is not why.

    One target stands for all: its name comes first.
    """
    wanted = matcher(specifier)
    matching = []
    for version, file in all_files(connection, name, rules.policy):
        parsed = versions.parse(version)
        if parsed is not None and wanted.matches(versions.key(parsed), version):
            matching.append(file)
    for machine in rules.machines.all:
        if reason := why_unusable(matching, machine):
            return f"on {machine.name} {reason}"
    return ""
