"""What the operator wants mirrored, from where, and to where.

One JSON5 file (https://spec.json5.org), checked as a whole: every fault is reported at once, each
with its place, its key, its value and what is allowed. The keys themselves are listed in
:mod:`pypisync.config.schema`; what the values lead to is left to the rest of the core.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct, to_builtins
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pypisync import schedule
from pypisync.config import bundle_keys, indexes
from pypisync.config.bundle_keys import BundlesConfig
from pypisync.config.index_keys import Access, UpstreamKeys
from pypisync.config.indexes import IndexConfig
from pypisync.config.positions import KeyPath
from pypisync.config.schema import Document, Environment, LimitsKeys, RequirementsFile, filed
from pypisync.config.source import ConfigSource, Fault, dotted, read
from pypisync.core import values
from pypisync.core.environments.platform_names import platform
from pypisync.core.environments.proof_targets import ProofTarget, named, proof_targets
from pypisync.core.environments.targets import targets
from pypisync.core.filters.policy import Policy
from pypisync.core.standards.model import Targets
from pypisync.core.wanted import selector
from pypisync.core.wanted.assignment import Assignment
from pypisync.core.wanted.groups import Group
from pypisync.core.wanted.roots import Package, Pattern, toolchain
from pypisync.errors import ConfigError
from pypisync.schedule import Schedule
from pypisync.upstream.api import DEFAULT_ENDPOINT

_PLAIN_FILE = re.compile(r"sqlite:///[A-Za-z0-9_./-]*[A-Za-z0-9_-]", re.ASCII)
_SERVING = {"listen", "status_pages"}
_PLATFORM = ("os_name", "sys_platform", "platform_system", "platform_machine")


class Config(Struct, frozen=True):
    """The configuration with every value resolved: what the rest of PypiSync works with."""

    endpoint: str  # no slash at its end
    indexes: tuple[IndexConfig, ...]  # besides that at the endpoint
    assignment: Assignment  # which index may be asked for which project
    destination: Path  # absolute
    database_url: str  # with its password: never to be shown, see database_shown
    environment: Mapping[str, tuple[str, ...] | None]
    proof_targets: tuple[str, ...] | None  # names; None: derived from the environment
    proof_budget: int  # seconds
    processes: int | None  # that prove and look into wheels; None: by the cores
    targets: Targets
    packages: tuple[Package, ...]
    patterns: tuple[Pattern, ...]
    groups: tuple[Group, ...]
    arch_exclude: tuple[str, ...]
    wheels: Literal["all", "targets"]
    sdists: Literal["always", "fallback", "never"]
    policy: Policy
    flat: bool  # also a folder with a link to every file
    schedule: Schedule
    listen: tuple[str, int] | None  # host ("": all addresses) and port to serve at
    status_pages: bool  # also pages for people
    upstream: UpstreamKeys  # its files absolute
    limits: LimitsKeys
    bundles: BundlesConfig
    disk_reserve: int  # bytes
    grace: int  # seconds
    retention: int  # seconds
    notes: tuple[str, ...]  # what the operator may not have meant
    stated: str  # the values of the file that are not the defaults, but for how it is served

    @property
    def digest(self) -> str:
        """What tells this configuration from another one, also as to the files that it names.

        Not how the mirror is served: a standby's own may differ in that.
        """
        groups = json.dumps(to_builtins(self.groups, order="deterministic"))
        return hashlib.sha256(f"{self.stated}{groups}".encode()).hexdigest()

    def machines(self, today: date) -> tuple[tuple[ProofTarget, ...], tuple[str, ...]]:
        """Returns the proof targets, named or derived, and the environments without one."""
        if self.proof_targets is not None:
            return tuple(map(named, self.proof_targets)), ()
        return proof_targets(self.targets, self.environment, today)

    @property
    def database_shown(self) -> str:
        """The database URL without its password, for people to read."""
        if self.database_url.startswith("sqlite"):
            return self.database_url
        from pypisync.catalog.db import url

        return url.shown(self.database_url)


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of the file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(),
    }


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Returns the configuration in ``path``, with the overrides in ``environ``.

    Raises ConfigError with all faults, each one line: ``file:line:column: key: value: allowed``.
    """
    source = read(path, environ)
    checks = (
        *(_repeated, _same_root, _wrong_values),
        *(_no_database, _no_schedule, _no_targets, _wrong_indexes),
    )
    faults = [fault for check in checks for fault in check(source)]
    found, wrong = _groups(source)
    if faults or wrong:
        raise ConfigError([line for _, line in sorted((*faults, *wrong))])
    config = _resolved(source, found)
    groups = any(group.requirements or group.locked for group in config.groups)
    if not (config.patterns or groups or any(one.selectors for one in config.packages)):
        asked = "nothing is asked for, and a sync would empty the mirror; name projects in packages"
        fault = source.fault(("packages",), source.data.get("packages", {}), asked)
        raise ConfigError([fault[1]])
    return config


def _repeated(source: ConfigSource) -> Iterator[Fault]:
    for key, (line, column) in source.places.repeated:
        first = f"{source.path}:{line}:{column}: {dotted(key)}: stands here for the second time"
        yield (line, column), f"{first}; a key may stand once"


def _same_root(source: ConfigSource) -> Iterator[Fault]:
    packages = source.data.get("packages")
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for key in packages if isinstance(packages, dict) else ():
        try:
            root = selector.parse_root(key)
        except ValueError:
            continue  # one of the wrong values
        if root in seen:
            allowed = f'the same as "{seen[root]}"; write all its selectors there'
            yield source.fault(("packages", key), key, allowed)
        seen.setdefault(root, key)


def _wrong_values(source: ConfigSource) -> Iterator[Fault]:
    try:
        Document.model_validate(source.data)
    except ValidationError as error:
        for detail in error.errors():
            key = tuple(step for step in detail["loc"] if step != "[key]")
            yield source.fault(key, detail["input"], _allowed(key, detail))


def _allowed(key: KeyPath, detail: ErrorDetails) -> str:
    model: type[BaseModel] = Document
    description = ""
    for step in (step for step in key if isinstance(step, str)):
        field = model.model_fields.get(step)
        if field is None:
            continue  # an index, or no such key
        description = field.description or ""
        model = _model(field.annotation) or model
    if detail["type"] == "extra_forbidden":
        known = list(model.model_fields)
        if len(key) > 1 and key[-1] in Document.model_fields:
            return f"no such key here; it stands at the top, beside {key[0]}"
        near = difflib.get_close_matches(str(key[-1]), known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"the keys here are {', '.join(known)}"
        return f"no such key; {hint}"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "string_type" and isinstance(key[-1], int) and detail["input"] is not None:
        return "must be text in quotes"  # the description is of the whole list
    return f"must be {description}"


def _model(annotation: object) -> type[BaseModel] | None:
    """Returns the keys of an object, or of the objects in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = annotation if get_origin(annotation) in (list, Annotated) else None
    return next((model for kind in get_args(inner) if (model := _model(kind))), None)


def _no_database(source: ConfigSource) -> Iterator[Fault]:
    url = source.data.get("database")
    if not isinstance(url, str) or _PLAIN_FILE.fullmatch(url):
        return
    from pypisync.catalog.db.url import parse

    try:
        parse(url)
    except ValueError as error:
        yield source.fault(("database",), url, str(error))


def _no_schedule(source: ConfigSource) -> Iterator[Fault]:
    text = source.data.get("schedule")
    if not isinstance(text, str) or not text:
        return  # one of the wrong values
    try:
        schedule.parse(text)
    except ValueError as error:
        yield source.fault(("schedule",), text, str(error))


def _no_targets(source: ConfigSource) -> Iterator[Fault]:
    try:
        environment = Environment.model_validate(source.data.get("environment", {}))
        platforms = [platform(text) for text in source.data.get("platforms") or ()]
    except (TypeError, ValueError):
        return  # one of the wrong values
    stated = [name for name in _PLATFORM if getattr(environment, name) is not None]
    if platforms and stated:
        said = f"says what environment.{stated[0]} says; leave out one of the two"
        yield source.fault(("platforms",), source.data["platforms"], said)
        return
    try:
        targets(_bound(environment), platforms)
    except ValueError as error:
        yield source.fault(("environment",), environment.model_dump(exclude_unset=True), str(error))


def _wrong_indexes(source: ConfigSource) -> Iterator[Fault]:
    for key, value, allowed in indexes.faults(source.data, source.folder):
        yield source.fault(key, value, allowed)


def _groups(source: ConfigSource) -> tuple[tuple[Group, ...], list[Fault]]:
    """Returns the groups of the files that can be read, and what is wrong with the others."""
    given = source.data.get("requirements")
    if not given:
        return (), []  # and nothing to import for it
    from pypisync.config import requirement_files

    wanted = []
    for number, entry in enumerate(given if isinstance(given, list) else ()):
        try:
            valid = RequirementsFile.model_validate(filed(entry))
        except ValidationError:
            continue  # one of the wrong values
        wanted.append(requirement_files.RequirementsEntry(number, valid.file, valid.resolve))
    found, troubles = requirement_files.read(wanted, source.path.parent)
    wrong: list[Fault] = []
    for order, trouble in enumerate(troubles):
        key = ("requirements", trouble.number)
        if trouble.line:
            wrong.append(((*source.places.of(key), order), trouble.line))
        else:
            value = source.data["requirements"][trouble.number]
            wrong.append(source.fault(key, value, trouble.itself))
    return found, wrong


def _patterns(document: Document) -> Iterator[Pattern]:
    for key, given in document.packages_re.items():
        yield Pattern(key, _selectors(given))


def _resolved(source: ConfigSource, found: tuple[Group, ...]) -> Config:
    document = Document.model_validate(source.data)
    environment = _bound(document.environment)
    destination = (source.base("destination_folder") / document.destination_folder).resolve()
    upstream = document.upstream
    given = {key: getattr(upstream, key) for key in Access.model_fields}
    files = {key: str(source.folder / file) for key, file in given.items() if file}
    upstream = upstream.model_copy(update=files)
    return Config(
        endpoint=document.endpoint or DEFAULT_ENDPOINT,
        indexes=indexes.resolved(document, source.folder),
        assignment=indexes.assignment(document),
        destination=destination,
        database_url=_database_url(document.database, destination, source.base("database")),
        environment=environment,
        proof_targets=None if document.targets is None else tuple(dict.fromkeys(document.targets)),
        proof_budget=document.proof_budget,
        processes=document.processes,
        targets=targets(environment, [platform(text) for text in document.platforms or ()]),
        packages=tuple(_packages(document)),
        patterns=tuple(_patterns(document)),
        groups=found,
        arch_exclude=tuple(document.arch_exclude or ()),
        wheels="targets" if _only_platforms(document) else document.wheels,
        sdists=document.sdists,
        policy=document.policy.resolved(),
        flat=document.flat,
        schedule=schedule.parse(document.schedule),
        listen=values.socket_address(document.listen) if document.listen else None,
        status_pages=document.status_pages,
        upstream=upstream,
        limits=document.limits,
        bundles=bundle_keys.resolved(document.bundles, source.folder),
        disk_reserve=document.disk_reserve,
        grace=document.grace,
        retention=document.retention,
        notes=tuple(_notes(document)),
        stated=document.model_dump_json(exclude_unset=True, exclude=_SERVING),
    )


def _packages(document: Document) -> list[Package]:
    named = [
        Package(*selector.parse_root(key), _selectors(given), key)
        for key, given in document.packages.items()
    ]
    return [*named, *toolchain(named)] if document.toolchain else named


def _only_platforms(document: Document) -> bool:
    return document.platforms is not None and "wheels" not in document.model_fields_set


def _notes(document: Document) -> Iterator[str]:
    if "extra" not in document.environment.model_fields_set:
        yield (
            "environment.extra is left out: every extra of every mirrored project is followed, "
            "which can be thousands of projects; write [] for none, or null if all are meant"
        )


def _bound(environment: Environment) -> Mapping[str, tuple[str, ...] | None]:
    bound: dict[str, list[str] | None] = environment.model_dump()
    return MappingProxyType(
        {name: None if given is None else tuple(given) for name, given in bound.items()}
    )


def _selectors(given: list[str]) -> tuple[selector.Selector, ...]:
    return tuple(selector.parse_selector(text) for text in given)


def _database_url(given: str | None, destination: Path, base: Path) -> str:
    """Returns the database's URL. Raises ValueError and ConfigError.

    Without a URL it is a file beside the mirror's folder, so that no web server that serves the
    folder serves it as well; or the one in the folder that earlier versions have made.
    """
    from pypisync.catalog.db.sqlite_file import url_of

    if given is None:
        inside = destination / "pypisync.sqlite"
        beside = destination.parent / f"{destination.name or 'pypisync'}.sqlite"
        try:
            return url_of(inside if inside.exists() else beside)
        except OSError as error:
            fault = (
                f"database: whether there is one in {destination} cannot be seen"
                f" ({error.strerror}); name it, or run this as the mirror's user"
            )
            raise ConfigError([fault]) from error
    if _PLAIN_FILE.fullmatch(given):
        return url_of((base / given.removeprefix("sqlite:///")).resolve())
    # Costs a third of a second, and most configurations name a plain file or none.
    from pypisync.catalog.db import url

    return url.absolute(given, base)
