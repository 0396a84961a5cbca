"""What one ``Requires-Dist`` line asks for.

Follows the dependency specifiers specification (PEP 508) as ``packaging`` reads it: what
``packaging`` refuses is refused here, with its reason, as installers would. Nearly all real lines
are a name, extras, plain versions and a marker that many others share; those are taken apart by
one regular expression, an order of magnitude faster, with the same result. What a marker or a
specifier means is left to their own modules.
"""

import re
from functools import lru_cache
from itertools import islice

from msgspec.structs import replace
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from pypisync.core.standards import marker_syntax, model, specifiers, uv_urls
from pypisync.core.standards.uv_mends import spellings

LONGEST = 64_000  # characters; the longest real ones, with generated markers, have a few thousand

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_RELEASE = r"[0-9]{1,9}(?:\.[0-9]{1,9})*"
_SUFFIX = r"(?:(?:a|b|rc)[0-9]{1,9})?(?:\.post[0-9]{1,9})?(?:\.dev[0-9]{1,9})?"
_ONE = (
    rf"(?:(?:>=|<=|<|>)[ \t]*+{_RELEASE}{_SUFFIX}|[=!]=[ \t]*+{_RELEASE}(?:\.\*|{_SUFFIX})"
    rf"|~=[ \t]*+{_RELEASE}\.[0-9]{{1,9}}{_SUFFIX})"
)
_SET = rf"{_ONE}(?:[ \t]*+,[ \t]*+{_ONE})*"
_COMMON = re.compile(
    rf"({_NAME})[ \t]*+(?:\[[ \t]*+({_NAME}(?:[ \t]*+,[ \t]*+{_NAME})*)[ \t]*+\][ \t]*+)?"
    rf"(?:({_SET})|\([ \t]*+({_SET})[ \t]*+\))?[ \t]*+(?:;(.*))?"
)
_BLANKS = str.maketrans("", "", " \t")


@lru_cache(maxsize=100_000)
def parse(text: str) -> model.Requirement:
    """Returns the requirement that ``text`` spells; never raises.

    If it cannot be parsed, ``fault`` says why and ``name`` is "". Otherwise its specifier and its
    marker can be: the one is the canonical text of the set, sorted, so that equal sets mostly
    share one, the other as ``packaging`` writes it, without ``extra`` being evaluated.
    """
    return _parse(text)


@lru_cache(maxsize=100_000)
def parse_metadata(text: str) -> model.Requirement:
    """Returns the same for a line of METADATA, where uv mends some that pip cannot parse.

    ``refused`` then says why pip does not take a file that has it.
    """
    found = _parse(text)
    if not found.fault or len(text) > LONGEST:
        return found
    for changed in (*islice(spellings(text), 1, None), uv_urls.cut(text)):
        if changed and not (mended := _parse(changed)).fault:
            return replace(mended, text=text, refused=found.fault)
    return found


def _parse(text: str) -> model.Requirement:
    match = _COMMON.fullmatch(text) if len(text) <= LONGEST else None
    try:
        return _common(text, match) if match else _other(text)
    except (InvalidRequirement, InvalidMarker, InvalidName) as error:
        return model.Requirement(text, "", fault=str(error).partition("\n")[0][:200])
    except RecursionError:
        return model.Requirement(text, "", fault="the marker has too many nested brackets")
    except ValueError as error:
        return model.Requirement(text, "", fault=str(error))


def _common(text: str, match: re.Match[str]) -> model.Requirement:
    name, extras, bare, bracketed, marker = match.groups()
    return model.Requirement(
        text,
        canonicalize_name(name),
        _specifier((bare or bracketed or "").translate(_BLANKS)),
        "" if marker is None else _marker(marker),
        _extras(extras.translate(_BLANKS).split(",")) if extras else (),
    )


def _specifier(text: str) -> str:
    """Returns the canonical text of a specifier set without blanks."""
    parts = text.split(",")
    if len(parts) == 1:
        return text
    if len({part[:2] for part in parts}) < len(parts):  # one of them may repeat another
        return str(SpecifierSet(text))
    return ",".join(sorted(parts))


def _other(text: str) -> model.Requirement:
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    parsed = Requirement(text)
    specifier = str(parsed.specifier)
    specifiers.matcher(specifier)  # a number in it may be too long
    return model.Requirement(
        text,
        canonicalize_name(parsed.name, validate=True),
        specifier,
        _readable(str(parsed.marker or "")),
        _extras(parsed.extras),
        parsed.url or "",
    )


@lru_cache(maxsize=100_000)
def _marker(text: str) -> str:
    return _readable(str(Marker(text)))


def _readable(marker: str) -> str:
    """Returns the marker. Raises ValueError if it is too long or too deep to be worked on."""
    if marker:
        marker_syntax.parse(marker)
    return marker


def _extras(given: list[str] | set[str]) -> tuple[str, ...]:
    return tuple(sorted({canonicalize_name(extra) for extra in given}))
