"""``init`` and ``check``: write a configuration, and say what one means. Neither asks upstream."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pypisync.cli.common import ConfigFile, configured, count, show, show_json
from pypisync.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from pypisync.config.indexes import IndexConfig
    from pypisync.config.load import Config
    from pypisync.core.filters.policy import Policy
    from pypisync.core.wanted.groups import Group
    from pypisync.core.wanted.selector import Selector

# What ``init`` writes.
TEMPLATE = """\
// What PypiSync mirrors. JSON5: comments, single quotes and trailing commas are fine.
// "pypisync check" says what this file means; "pypisync check --schema" lists all keys.
{
  // The folder of the mirror, relative to the folder of this file.
  destination_folder: "data",
  // The database beside it, and not in the folder that a web server serves.
  database: "sqlite:///pypisync.sqlite",

  // The environments to serve. A variable that is left out (or null) may take any value:
  // its markers then hold whenever some value makes them hold, and the mirror grows.
  environment: {
    python_version: ["3.11", "3.12", "3.13", "3.14"],
    implementation_name: ["cpython"],
    sys_platform: ["linux"],
    platform_machine: ["x86_64"],
    extra: [], // no extras, except those that a requirement or a root names
  },

  // The projects to mirror; everything they depend on comes along.
  //   "latest" or "3 latest"    the newest, or the newest three, for each Python
  //   ">=2.31"                  every release that matches
  //   "2 latest<3"              the newest two that match
  //   "1.2"                     exactly this release
  packages: {
    requests: ["latest"],
    // "celery[redis]": ["latest", "latest<5"],
  },

  // The same for every project whose whole name matches a regular expression.
  packages_re: {
    // "flask-.*": ["latest"],
  },

  // pip, setuptools and the other usual build backends, so that projects of your own can be
  // built and installed with nothing but the mirror.
  toolchain: true,

  // Wheels: "all", or with "targets" only those that the environments above can install.
  wheels: "targets",
  // Source distributions: "always", "fallback" (where a target finds no wheel), "never".
  sdists: "fallback",
}
"""


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("pypisync.json5"),
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a file that is already there.")
    ] = False,
) -> None:
    """Write a small configuration with comments, that works as it is."""
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(TEMPLATE)
    except FileExistsError:
        raise ConfigError([f"{file}: already there; --force overwrites it"]) from None
    except OSError as error:
        raise ConfigError([f"{file}: cannot be written: {error.strerror}"]) from None
    typer.echo(f"wrote {file}; next: pypisync check --config {file}")


def check(
    *,
    config: ConfigFile = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was understood as JSON.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the file, for editors.")
    ] = False,
) -> None:
    """Check the configuration, with the files that it names, and show what it means.

    It does without the network. The exit code is 4 if this user cannot make the folders of the
    mirror, or not write in them.
    """
    if schema:
        from pypisync.config.load import json_schema

        typer.echo(json.dumps(json_schema(), indent=2))
        return
    understood = configured(config)
    if as_json:
        show_json(_values(understood))
    else:
        _show(understood)
    if wrong := list(_wrong_files(understood)):
        raise ConfigError(wrong)
    if faults := list(_faults(understood)):
        raise StorageError("\n".join(faults))


def _show(understood: "Config") -> None:
    show("Configuration", ("key", "value"), _settings(understood))
    show("Indexes", ("", "address", "projects"), _indexes(understood))
    show("Targets", ("", "target"), (("target", t.name) for t in understood.targets.all))
    show("Proof targets", ("", "target"), _machines(understood))
    show("Roots", ("", "project", "selectors"), _roots(understood))
    show("Groups", ("", "file", "what it asks for"), _groups(understood))
    show("Notes", ("", "note"), (("note", note) for note in _notes(understood)))


def _wrong_files(config: "Config") -> Iterator[str]:
    """Yields what is wrong with certificates, credentials and keys, as a cycle would find it."""
    names = ("ca_file", "client_cert", "credentials_file")
    asked = (config.upstream, *config.indexes)
    if any(getattr(one, name) for one in asked for name in names):
        from pypisync.wiring_upstream import unusable

        yield from unusable(config)
    if config.bundles.trusted or config.bundles.sign:
        from pypisync.wiring import unusable_keys

        yield from unusable_keys(config)


def _faults(config: "Config") -> Iterator[str]:
    """Yields why a cycle could not write the tree or the database, where the disk says so."""
    from pypisync.catalog.db import sqlite_file
    from pypisync.storage import probe

    yield from filter(None, [probe.fault(config.destination)])
    database = sqlite_file.file_of(config.database_url)
    if database is None or database.parent in (config.destination, *config.destination.parents):
        return  # a cycle makes these folders
    yield from filter(None, [sqlite_file.no_folder(database) or probe.fault(database.parent)])


def _notes(config: "Config") -> Iterator[str]:
    """Yields the configuration's notes, and one if a web server may serve the database."""
    from pypisync.catalog.db.sqlite_file import file_of

    yield from config.notes
    database = file_of(config.database_url)
    if database is not None and database.is_relative_to(config.destination):
        name = database.relative_to(config.destination)
        yield (
            f"the database lies in the mirror's folder: a web server that serves the whole folder "
            f'serves {name} as well. Serve only simple and packages (as "listen" does), or move it '
            "and name it in database"
        )


def _machines(config: "Config") -> Iterator[tuple[str, str]]:
    found, missing = config.machines(datetime.now(UTC).date())
    for target in found:
        yield "proof target", target.name
    for name in missing:
        yield "no proof target", name


def _settings(config: "Config") -> Iterator[tuple[str, str]]:
    from pypisync.core.display import masked, show_duration, show_size, shown_address

    yield "endpoint", masked(config.endpoint)
    for name in config.assignment.reserved:
        yield "reserved", name
    for name in config.assignment.union:
        yield "union", name
    yield "destination_folder", str(config.destination)
    yield "database", config.database_shown
    yield "wheels", config.wheels
    yield "sdists", config.sdists
    yield "arch_exclude", " ".join(config.arch_exclude) or "-"
    yield "flat", "yes" if config.flat else "no"
    yield "listen", shown_address(config.listen) or "-"
    yield from _policy(config.policy)
    yield "proof_budget", show_duration(config.proof_budget)
    yield "processes", str(config.processes or "as many as there are cores")
    yield "disk_reserve", show_size(config.disk_reserve)
    yield "grace", show_duration(config.grace)
    yield "retention", show_duration(config.retention)
    most = config.limits
    yield "limits.projects", "-" if most.projects is None else count(most.projects)
    yield "limits.bytes", "-" if most.bytes is None else show_size(most.bytes)


def _indexes(config: "Config") -> Iterator[tuple[str, str, str]]:
    """Yields the indexes in order; the last is the one at the endpoint."""
    from pypisync.core.display import masked

    for index in config.indexes:
        projects = "what no index before it has"
        if index.projects is not None:
            projects = " ".join(index.projects) or "none"
        yield index.name, str(index.folder or masked(index.address or "")), projects
    yield "endpoint", masked(config.endpoint), "what no index before it has"


def _policy(policy: "Policy") -> Iterator[tuple[str, str]]:
    """Yields what the policy bars; the keys that bar nothing are left out."""
    from pypisync.core.display import show_duration, show_moment, show_size

    if policy.min_age:
        yield "policy.min_age", show_duration(policy.min_age)
    for name, age in policy.min_age_of:
        yield "policy.min_age_of", f"{name}: {show_duration(age)}"
    if policy.freeze_at is not None:
        yield "policy.freeze_at", show_moment(policy.freeze_at)
    for name, version in policy.exempt:
        yield "policy.exempt", f"{name}=={version}"
    for block in policy.block:
        what = [block.name + block.specifier, block.filename, block.sha256]
        yield "policy.block", f"{' '.join(filter(None, what))}: {block.reason}"
    if policy.max_file_size is not None:
        yield "policy.max_file_size", show_size(policy.max_file_size)
    yield "policy.vulnerabilities", policy.vulnerabilities


def _roots(config: "Config") -> Iterator[tuple[str, str, str]]:
    for root in config.packages:
        yield "root", root.text, ", ".join(_shown(root.selectors)) or "none, not even by pattern"
    for pattern in config.patterns:
        yield "pattern", pattern.regex, ", ".join(_shown(pattern.selectors))


def _groups(config: "Config") -> Iterator[tuple[str, str, str]]:
    for group in config.groups:
        asks = count(len(group.requirements), "requirement")
        if group.constraints:
            asks += f", {count(len(group.constraints), 'constraint')}"
        if not group.resolve:
            files = sum(len(pin.files) for pin in group.locked)
            asks = f"exactly {count(len(group.locked), 'release')}, {count(files, 'named file')}"
        yield "group", group.name, asks
        for note in group.notes:
            yield "note", group.name, note


def _shown(selectors: "tuple[Selector, ...]") -> list[str]:
    return [selector.text for selector in selectors]


def _index(index: "IndexConfig") -> dict[str, Any]:
    from pypisync.core.display import masked

    return {
        "name": index.name,
        "address": masked(index.address) if index.address else None,
        "folder": str(index.folder) if index.folder else None,
        "projects": None if index.projects is None else list(index.projects),
    }


def _group(group: "Group") -> dict[str, Any]:
    return {
        "name": group.name,
        "resolve": group.resolve,
        "requirements": [one.text for one in group.requirements],
        "constraints": [one.text for one in group.constraints],
        "pins": [f"{pin.name}=={pin.version}" for pin in group.locked],
        "notes": list(group.notes),
    }


def _values(config: "Config") -> dict[str, Any]:
    from pypisync.core.display import masked, shown_address

    upstream = config.upstream.model_dump()
    if config.upstream.proxy:
        upstream["proxy"] = masked(config.upstream.proxy)
    return {
        "endpoint": masked(config.endpoint),
        "indexes": [_index(one) for one in config.indexes],
        "reserved": list(config.assignment.reserved),
        "union": list(config.assignment.union),
        "destination_folder": str(config.destination),
        "database": config.database_shown,
        "environment": dict(config.environment),
        "wheels": config.wheels,
        "sdists": config.sdists,
        "arch_exclude": list(config.arch_exclude),
        "flat": config.flat,
        "policy": config.policy,
        "listen": shown_address(config.listen),
        "upstream": upstream,
        "disk_reserve": config.disk_reserve,
        "grace": config.grace,
        "retention": config.retention,
        "limits": config.limits.model_dump(),
        "targets": [{"name": t.name, "values": dict(t.values)} for t in config.targets.all],
        "proof_targets": [name for kind, name in _machines(config) if kind == "proof target"],
        "proof_budget": config.proof_budget,
        "processes": config.processes,
        "roots": [
            {"name": r.name, "extras": list(r.extras), "selectors": _shown(r.selectors)}
            for r in config.packages
        ],
        "groups": [_group(one) for one in config.groups],
        "patterns": [{"regex": p.regex, "selectors": _shown(p.selectors)} for p in config.patterns],
        "notes": list(_notes(config)),
    }
