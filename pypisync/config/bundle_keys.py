"""The keys that say how bundles are signed, checked, exported and imported."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from msgspec import Struct
from pydantic import AfterValidator, Field, model_validator

from pypisync import schedule
from pypisync.config.index_keys import Keys, Text
from pypisync.config.policy_keys import Size
from pypisync.core import values
from pypisync.schedule import Schedule


def _date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError('must be a date such as "2027-12-31"') from None
    return text


def _schedule(text: str) -> str:
    schedule.parse(text)
    return text


class TrustedKeys(Keys):
    """A key whose signatures count."""

    key: Text = Field(
        description="a file with the public key (PEM), relative to the folder of this file"
    )
    expires: Annotated[str, AfterValidator(_date)] | None = Field(
        default=None,
        description='null or the date from which on its signatures do not count: "2027-12-31"',
    )


class BundlesKeys(Keys):
    """How bundles are signed and checked, and what the daemon does with them."""

    sign: list[Text] = Field(
        default=[],
        description="a list of files with private keys (PEM) that exports are signed with, "
        "relative to the folder of this file",
    )
    trusted: dict[Annotated[str, AfterValidator(values.index_name)], TrustedKeys] = Field(
        default={},
        description="an object from names to the keys whose signatures count at an import",
    )
    threshold: int = Field(
        default=1,
        ge=1,
        le=100,
        description="how many of the trusted keys must have signed, from 1 on",
    )
    unsigned: bool = Field(
        default=False,
        description="true (bundles are exported without a signature where sign is empty, and such "
        "are imported) or false; both sides have to say so",
    )

    export_to: Text | None = Field(
        default=None,
        description="null or a folder into which the daemon exports what is new, relative to the "
        "folder of this file",
    )
    export_schedule: Annotated[str, AfterValidator(_schedule)] = Field(
        default="1 day",
        description='when it does so, as "schedule" is written: such as "1 day" or "0 6 * * 1"',
    )
    split: Size = Field(
        default="4 GiB",
        ge=2**20,
        validate_default=True,
        description='the most bytes of a part: a number or a size such as "700 MB", 1 MiB at least',
    )
    repeat: int = Field(
        default=1,
        ge=1,
        le=10,
        description="1 to 10 copies of each file of a bundle, for a link on which some get lost",
    )
    import_from: Text | None = Field(
        default=None,
        description="null or a folder from which the daemon imports the bundles that appear in it, "
        "relative to the folder of this file; it then asks no index",
    )
    imported: Literal["keep", "archive", "delete"] = Field(
        default="keep",
        description='what becomes of a bundle that the daemon has imported: "keep", "archive" '
        '(into the folder "imported" in import_from) or "delete"',
    )

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.trusted and self.threshold > len(self.trusted):
            raise ValueError(f"must have at least {self.threshold} trusted keys: its threshold")
        if self.unsigned and (self.trusted or self.sign):
            raise ValueError('must not have keys and "unsigned": true as well')
        return self


class TrustedFile(Struct, frozen=True):
    """A trusted key that is in a file."""

    name: str
    file: Path
    expires: float | None  # seconds since 1970


class BundlesConfig(Struct, frozen=True):
    """The same with every value resolved."""

    sign: tuple[Path, ...]
    trusted: tuple[TrustedFile, ...]
    threshold: int
    unsigned: bool
    export_to: Path | None
    export_schedule: Schedule
    split: int  # bytes
    repeat: int  # copies
    import_from: Path | None
    imported: Literal["keep", "archive", "delete"]


def resolved(keys: BundlesKeys, folder: Path) -> BundlesConfig:
    """Returns what the keys come to; files are relative to ``folder``."""
    trusted = (
        TrustedFile(name, folder / one.key, _seconds(one.expires))
        for name, one in keys.trusted.items()
    )
    return BundlesConfig(
        tuple(folder / file for file in keys.sign),
        tuple(trusted),
        keys.threshold,
        keys.unsigned,
        folder / keys.export_to if keys.export_to else None,
        schedule.parse(keys.export_schedule),
        keys.split,
        keys.repeat,
        folder / keys.import_from if keys.import_from else None,
        keys.imported,
    )


def _seconds(day: str | None) -> float | None:
    return None if day is None else datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
