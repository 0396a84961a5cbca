"""The keys of the configuration file, and what is allowed in each.

The description of a key says what is allowed; it is what a fault says and what an editor shows.
Only the shape and each value by itself are checked here (strictly: "10" is no number). Places,
overrides and what the values lead to are left to :mod:`pypisync.config.load`.
"""

from functools import partial
from typing import Annotated, Any, Literal

from packaging.specifiers import SpecifierSet
from pydantic import AfterValidator, BeforeValidator, Field

from pypisync.config.bundle_keys import BundlesKeys
from pypisync.config.index_keys import IndexKeys, Keys, Projects, Text, UpstreamKeys
from pypisync.config.policy_keys import Duration, PolicyKeys, Size
from pypisync.core import values
from pypisync.core.environments.platform_names import known_value, platform
from pypisync.core.environments.proof_targets import named
from pypisync.core.wanted import selector
from pypisync.core.wanted.roots import TOOLCHAIN


def _selector(text: str) -> str:
    if SpecifierSet(selector.parse_selector(text).specifier).is_unsatisfiable():
        raise ValueError(f'"{text}" can match no version: its conditions exclude each other')
    return text


def _root(text: str) -> str:
    selector.parse_root(text)
    return text


def _target(text: str) -> str:
    return named(text).name


def _platform(text: str) -> str:
    return platform(text).name


def _known(variable: str) -> AfterValidator:
    return AfterValidator(partial(known_value, variable))


def _socket_address(text: str) -> str:
    values.socket_address(text)
    return text


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def filed(value: object) -> object:
    """Returns a file that is named alone as an object with its name."""
    return {"file": value} if isinstance(value, str) else value


Minor = Annotated[str, AfterValidator(values.python_minor)]
Version = Annotated[str, AfterValidator(values.full_version)]
Extra = Annotated[str, AfterValidator(values.extra)]
Selectors = Annotated[
    list[Annotated[str, AfterValidator(_selector)]],
    BeforeValidator(_listed, json_schema_input_type=list[str] | str),
]
OsName = Annotated[Text, _known("os_name")]
SysPlatform = Annotated[Text, _known("sys_platform")]
MachineName = Annotated[Text, _known("platform_machine")]
PythonName = Annotated[Text, _known("platform_python_implementation")]
SystemName = Annotated[Text, _known("platform_system")]
Implementation = Annotated[Text, _known("implementation_name")]


def _bound(example: str) -> Any:
    return Field(
        default=None,
        description=f'null (any value) or a list such as ["{example}"]; [] allows no value',
    )


class Environment(Keys):
    """The values of each environment marker variable (PEP 508) that are served."""

    os_name: list[OsName] | None = _bound("posix")
    sys_platform: list[SysPlatform] | None = _bound("linux")
    platform_machine: list[MachineName] | None = _bound("x86_64")
    platform_python_implementation: list[PythonName] | None = _bound("CPython")
    platform_release: list[Text] | None = _bound("6.1.0-28-amd64")
    platform_system: list[SystemName] | None = _bound("Linux")
    platform_version: list[Text] | None = _bound("#1 SMP")
    python_version: list[Minor] | None = _bound("3.11")
    python_full_version: list[Version] | None = _bound("3.11.7")
    implementation_name: list[Implementation] | None = _bound("cpython")
    implementation_version: list[Text] | None = _bound("3.11.7")
    extra: list[Extra] | None = Field(
        default=None,
        description="null (all extras of everything mirrored) or a list of extras, [] for none; "
        "an extra that a requirement names is always followed",
    )


class RequirementsFile(Keys):
    """A file whose requirements belong together."""

    file: Text = Field(description="the path of a file, relative to the folder of this file")
    resolve: bool | None = Field(
        default=None,
        description="true (also what the requirements need) or false (exactly the pins and files "
        "that the file names); a lock file is never resolved, any other by default",
    )


class LimitsKeys(Keys):
    """How much one cycle may add to the mirror, and how much may go."""

    projects: Annotated[int, Field(ge=1)] | None = Field(
        default=2000, description="null (any number) or the projects that one cycle may add"
    )
    bytes: Annotated[Size, Field(ge=1)] | None = Field(
        default="100 GiB",
        validate_default=True,
        description="null (any amount) or the bytes that one cycle may fetch: a number or a size "
        'such as "100 GiB"',
    )
    removals: int = Field(
        default=3,
        ge=0,
        description="how many projects upstream may deny without a word in its changelog",
    )
    removals_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="the same as a share of the projects mirrored: if more are denied than both "
        "allow, the index counts as broken and nothing is removed",
    )
    dropped_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="the share of the listed projects that may leave the pages in one cycle "
        "because nothing asks for them any more, or because a changed policy bars all their files "
        "(blocks do not count); three always may",
    )


class Document(Keys):
    """The configuration of PypiSync, as it stands in the file."""

    endpoint: Annotated[str, AfterValidator(values.index_address)] | None = Field(
        default=None, description="null (the public index) or the address of the index to mirror"
    )
    indexes: list[IndexKeys] = Field(
        default=[],
        description="a list of objects, each an index besides the endpoint: a project comes from "
        "the index that names it, else from the first that has it; the endpoint is the last",
    )
    reserved: Projects = Field(
        default=[],
        description='a list of projects such as "acme-*" that no index is asked for, but one that '
        "names them",
    )
    union: Projects = Field(
        default=[],
        description="a list of projects whose files come from all indexes that have them; of two "
        "files with one name that of the first index counts",
    )
    destination_folder: Text = Field(
        default="data", description="the folder of the mirror, relative to the folder of this file"
    )
    database: Text | None = Field(
        default=None,
        description="null (SQLite in a file beside the destination folder, named after it: "
        "data.sqlite; or pypisync.sqlite in it, where earlier versions have made that) or a "
        "SQLAlchemy URL for SQLite or PostgreSQL; a relative SQLite path is relative to the folder "
        "of this file",
    )
    platforms: list[Annotated[str, AfterValidator(_platform)]] | None = Field(
        default=None,
        min_length=1,
        description='null (what "environment" says) or a list of the platforms to serve, such as '
        '"linux-x86_64", "linux-aarch64-glibc-2.28", "linux-x86_64-musl", "macos-arm64" or '
        '"windows-amd64"; wheels is then "targets" unless it is stated',
    )
    environment: Environment = Field(
        default=Environment(),
        description="an object with the environments to serve; null is any value",
    )
    packages: dict[Annotated[str, AfterValidator(_root)], Selectors] = Field(
        default={},
        description='an object from names such as "django" or "requests[socks]" to lists of '
        'version selectors such as "latest", "2 latest<3", ">=2.31", "1.2"; [] takes a name out '
        "of packages_re",
    )
    packages_re: dict[Annotated[str, AfterValidator(values.regex)], Selectors] = Field(
        default={},
        description="an object from regular expressions that match whole normalised names, "
        "ignoring case, to lists of version selectors",
    )
    toolchain: bool = Field(
        default=False,
        description="true (also pip and what projects are commonly built with: "
        f"{', '.join(TOOLCHAIN)}; the newest of each that packages does not name) or false",
    )
    requirements: list[
        Annotated[
            RequirementsFile,
            BeforeValidator(filed, json_schema_input_type=RequirementsFile | str),
        ]
    ] = Field(
        default=[],
        description='a list of files, each "requirements.txt", "uv.lock", "pylock.toml" or the '
        'like, or an object such as { file: "requirements.txt", resolve: false }; each file is '
        "one group",
    )
    arch_exclude: list[Text] | None = Field(
        default=None,
        description="null or a list of strings; a file is left out if one of them occurs in what "
        'follows name and version in its file name, such as "win_amd64" or ".tar.gz"',
    )
    wheels: Literal["all", "targets"] = Field(
        default="all",
        description='"all" (every kept wheel) or "targets" (those that a target can install)',
    )
    sdists: Literal["always", "fallback", "never"] = Field(
        default="always",
        description='"always", "fallback" (where a target finds no wheel) or "never"',
    )
    flat: bool = Field(
        default=False,
        description="true (also a folder flat with a link to every file, for pip --find-links) "
        "or false",
    )
    schedule: Text = Field(
        default="1 hour",
        description='when the daemon syncs: the time between two syncs, such as "1 hour", or a '
        'cron expression in local time, such as "17 * * * *"',
    )
    policy: PolicyKeys = Field(
        default=PolicyKeys(), description="an object that says what must not be mirrored"
    )
    listen: Annotated[str, AfterValidator(_socket_address)] | None = Field(
        default=None,
        description="null (no HTTP) or the host and port to serve the mirror at, such as "
        '"127.0.0.1:8080"',
    )
    status_pages: bool = Field(
        default=True,
        description="true (also pages for people, from / on: what the mirror holds and how it is) "
        "or false; only with listen",
    )
    targets: list[Annotated[str, AfterValidator(_target)]] | None = Field(
        default=None,
        description="null (derived from the environment) or a list of the machines on which roots "
        'are proven to install, such as "3.13 linux-x86_64"',
    )
    proof_budget: Duration = Field(
        default="10 s",
        ge=1,
        validate_default=True,
        description="how long the proof of one root may take: seconds or a duration such as "
        '"10 s"; what takes longer is called undecided',
    )
    processes: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="null (as many as there are cores for it) or 1 to 64 processes that "
        "prove, look into wheels and write pages; with more than 1, another one asks upstream if "
        "there is much to ask",
    )
    upstream: UpstreamKeys = Field(
        default=UpstreamKeys(), description="an object that says how upstream is asked"
    )
    disk_reserve: Size = Field(
        default="1 GiB",
        ge=0,
        validate_default=True,
        description='bytes to leave free on the disk: a number or a size such as "5 GiB"',
    )
    bundles: BundlesKeys = Field(
        default=BundlesKeys(),
        description="an object that says how bundles for mirrors that reach no index are signed, "
        "exported and imported",
    )
    limits: LimitsKeys = Field(
        default=LimitsKeys(),
        description="an object that says how much one cycle may add to the mirror; a cycle that "
        "would add more keeps no file that it fetches",
    )
    grace: Duration = Field(
        default="1 day",
        ge=0,
        validate_default=True,
        description="how long a file that no page lists any more stays on disk: seconds or a "
        'duration such as "7 days" or "36 h"',
    )
    retention: Duration = Field(
        default="30 days",
        ge=0,
        validate_default=True,
        description="how long a generation is kept, with the files that it lists, after the next "
        'one took its place: seconds or a duration such as "30 days"; the one that the last bundle '
        "led to is kept besides, until the next export",
    )
