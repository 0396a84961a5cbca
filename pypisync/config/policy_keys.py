"""The keys of the policy: what the mirror must not hold."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pypisync.config.index_keys import Keys, Text
from pypisync.core import values
from pypisync.core.filters import policy
from pypisync.core.standards import specifiers


def _specifier(text: str) -> str:
    try:
        specifiers.matcher(text)
    except ValueError:
        raise ValueError('must be a specifier set such as ">=1.4,<1.6"') from None
    return text


def _release(text: str) -> str:
    values.release(text)
    return text


def _moment(text: str) -> str:
    values.moment(text)
    return text


def _read_if_text(parse: Callable[[str], int]) -> Callable[[object], object]:
    return lambda value: parse(value) if isinstance(value, str) else value


Size = Annotated[int, BeforeValidator(_read_if_text(values.size), json_schema_input_type=int | str)]
Duration = Annotated[
    int, BeforeValidator(_read_if_text(values.duration), json_schema_input_type=int | str)
]


class BlockKeys(Keys):
    """What the policy bars for good; the conditions that are given must all hold."""

    reason: Text = Field(
        description="a text that says why; it is shown where something is missing because of it"
    )
    name: Annotated[str, AfterValidator(values.project)] | None = Field(
        default=None, description="a project"
    )
    specifier: Annotated[str, AfterValidator(_specifier)] | None = Field(
        default=None, description='which versions of it, such as "<2"'
    )
    filename: Text | None = Field(default=None, description="the name of one file")
    sha256: Annotated[str, AfterValidator(values.sha256)] | None = Field(
        default=None, description="the SHA-256 of one file: 64 hexadecimal digits"
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.name or self.filename or self.sha256):
            raise ValueError('must say what: "name", "filename" or "sha256"')
        if self.specifier and not self.name:
            raise ValueError('must name the project that its "specifier" is for')
        return self

    def resolved(self) -> policy.Block:
        """Returns the value as the rest of PypiSync works with it."""
        given = (self.name, self.specifier, self.filename, self.sha256)
        return policy.Block(self.reason, *(text or "" for text in given))


class PolicyKeys(Keys):
    """What the mirror must not hold, although it is wanted."""

    min_age: Duration = Field(
        default=0,
        ge=0,
        description="how long ago a file must have been uploaded: seconds or a duration such as "
        '"7 days"',
    )
    min_age_of: dict[
        Annotated[str, AfterValidator(values.project)], Annotated[Duration, Field(ge=0)]
    ] = Field(
        default={},
        description='an object from project names to what counts for them instead of "min_age"',
    )
    exempt: list[Annotated[str, AfterValidator(_release)]] = Field(
        default=[],
        description='a list of releases such as "django==5.2.1" that only "block" bars',
    )
    freeze_at: Annotated[str, AfterValidator(_moment)] | None = Field(
        default=None,
        description="null or a moment in UTC; files that were uploaded after it are barred",
    )
    block: list[BlockKeys] = Field(
        default=[],
        description='a list of objects with a "reason", and with a "name" (and a "specifier"), a '
        '"filename" or a "sha256"',
    )
    max_file_size: Size | None = Field(
        default=None,
        ge=0,
        description='null or the bytes that a file may have: a number or a size such as "1 GiB"',
    )
    vulnerabilities: Literal["ignore", "report", "block"] = Field(
        default="ignore",
        description='"ignore", "report" (ask upstream about every release, and show it) or '
        '"block" (and bar the release)',
    )

    def resolved(self) -> policy.Policy:
        """Returns the value as the rest of PypiSync works with it."""
        return policy.Policy(
            min_age=self.min_age,
            min_age_of=tuple(sorted(self.min_age_of.items())),
            exempt=tuple(sorted(map(values.release, self.exempt))),
            freeze_at=None if self.freeze_at is None else values.moment(self.freeze_at),
            block=tuple(block.resolved() for block in self.block),
            max_file_size=self.max_file_size,
            vulnerabilities=self.vulnerabilities,
        )
