"""Whether a text is what a key of the configuration allows, and what it means.

Each check returns the value or raises a ValueError that says what the text must be. Which key is
checked by which is left to :mod:`pypisync.config.load`; version selectors have a module of their
own. Sizes take the IEC prefixes (powers of 1024) and the SI ones (powers of 1000).

``packaging`` is imported where it is called: most commands need a few of these checks only.
"""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

_NUMBER_AND_UNIT = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)\s*", re.ASCII)
_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[\w.-]*)):(?P<port>\d{1,5})", re.ASCII
)
_PROXIES = ("http", "https", "socks5", "socks5h")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GENERATION_NAME = re.compile(r"(?!\d+\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SIZES = {"": 1, "b": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for suffix, base in (("ib", 1024), ("b", 1000))
}
_DURATIONS = {
    unit: seconds
    for seconds, units in (
        (1, ("", "s", "second", "seconds")),
        (60, ("min", "minute", "minutes")),
        (3600, ("h", "hour", "hours")),
        (86400, ("d", "day", "days")),
        (604800, ("w", "week", "weeks")),
    )
    for unit in units
}


def address(text: str) -> str:
    """Returns ``text`` as an HTTP address without a slash at its end. Raises ValueError."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not match, a port that is no number
        usable = False
    if not usable or re.search(r"[\s?#]", text):
        raise ValueError("must be an address such as https://index.example, without ? and #")
    return text.rstrip("/")


def proxy_address(text: str) -> str:
    """Returns ``text`` as the address of a proxy without a slash at its end. Raises ValueError."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _PROXIES and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s?#]", text):
        raise ValueError(
            'must be the address of a proxy such as "http://proxy.example:3128" or '
            f'"socks5h://proxy.example:1080", and of one of these kinds: {", ".join(_PROXIES)}; '
            "special characters of its password stand there as %40, %23 and so on"
        )
    return text.rstrip("/")


def index_address(text: str) -> str:
    """Returns ``text`` as the address of a whole index. Raises ValueError."""
    index = address(text)
    if re.fullmatch(r"[a-z]+://[^/]+/(?:simple|pypi)", index):
        raise ValueError('must be the address of the whole index, without "/simple" or "/pypi"')
    return index  # below a path a repository may be called so: ".../api/pypi/pypi"


def socket_address(text: str) -> tuple[str, int]:
    """Returns the host ("" for all addresses) and port in ``text``. Raises ValueError."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(
            'must be a host and a port such as "127.0.0.1:8080" or "[::1]:8080", '
            'or ":8080" for all addresses'
        )
    return match["v6"] or match["host"], int(match["port"])


def python_minor(text: str) -> str:
    """Returns ``text`` if it is a minor version of Python. Raises ValueError."""
    if not re.fullmatch(r"[23]\.\d{1,3}", text, re.ASCII):
        raise ValueError('must be a minor version of Python such as "3.11"')
    return text


def full_version(text: str) -> str:
    """Returns ``text`` if it is a version (PEP 440). Raises ValueError."""
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        raise ValueError('must be a full version such as "3.11.7" (PEP 440)') from None
    return text


def extra(text: str) -> str:
    """Returns ``text`` as a normalised extra (PEP 685). Raises ValueError."""
    return _normalised(text, "an extra")


def project(text: str) -> str:
    """Returns ``text`` as a normalised project name (PEP 503). Raises ValueError."""
    return _normalised(text, "a project")


def _normalised(text: str, what: str) -> str:
    from packaging.utils import InvalidName, canonicalize_name

    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise ValueError(f"must be {what}: letters and digits, with . _ - between") from None


def projects(text: str) -> str:
    """Returns ``text`` as a normalised project name or pattern (``fnmatch``). Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9._*?\[\]!-]+", text, re.ASCII) or text.strip("._-") != text:
        raise ValueError('must be a project such as "torch" or a pattern such as "acme-*"')
    return re.sub(r"[-_.]+", "-", text).lower()


def index_name(text: str) -> str:
    """Returns ``text`` if it can name an index. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", text) or text == "endpoint":
        raise ValueError(
            'must be at most 64 small letters, digits and . _ - between, and not "endpoint"'
        )
    return text


def release(text: str) -> tuple[str, str]:
    """Returns the normalised name and the version that ``text`` names. Raises ValueError."""
    name, _, version = text.partition("==")
    try:
        return project(name.strip()), full_version(version.strip())
    except ValueError:
        raise ValueError('must be a release such as "django==5.2.1"') from None


def moment(text: str) -> float:
    """Returns the moment in UTC that ``text`` names, as seconds since 1970. Raises ValueError."""
    zoned = f"{text}T00:00:00Z" if len(text) == len("2026-11-01") else text
    try:
        return (datetime.fromisoformat(zoned) - _EPOCH).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a zone
        raise ValueError(
            'must be a moment such as "2026-11-01T00:00:00Z", or a day such as "2026-11-01", '
            "which is its beginning in UTC"
        ) from None


def sha256(text: str) -> str:
    """Returns ``text`` as a SHA-256. Raises ValueError."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("must be a SHA-256: 64 hexadecimal digits")
    return text.lower()


def generation_name(text: str) -> str:
    """Returns ``text`` if it can name a generation: fit for an URL, and no number.

    Raises ValueError.
    """
    if not _GENERATION_NAME.fullmatch(text):
        raise ValueError(
            "must be at most 64 letters, digits and . _ - that begin with a letter or digit, "
            "and not be a number"
        )
    return text


def regex(text: str) -> str:
    """Returns ``text`` if it compiles. Raises ValueError."""
    try:
        re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"must be a regular expression of Python: {error}") from None
    return text


def size(text: str) -> int:
    """Returns the bytes that ``text`` names, such as "5 GiB". Raises ValueError."""
    return _amount(text, _SIZES, 'a size such as "5 GiB"')


def duration(text: str) -> int:
    """Returns the whole seconds that ``text`` names, such as "36 h". Raises ValueError."""
    return _amount(text, _DURATIONS, 'a duration such as "7 days" or "36 h"')


def _amount(text: str, units: dict[str, int], what: str) -> int:
    match = _NUMBER_AND_UNIT.fullmatch(text)
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        known = ", ".join(unit for unit in units if unit)
        raise ValueError(f"must be {what}; the units are {known}")
    return int(float(match[1]) * factor)
