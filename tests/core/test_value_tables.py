"""What each key of the configuration allows, text by text, and what it says of all others."""

from collections.abc import Callable

import pytest

from pypisync.core import display, values

ADDRESS = "must be an address such as https://index.example, without ? and #"
WHOLE = 'must be the address of the whole index, without "/simple" or "/pypi"'
SOCKET = (
    'must be a host and a port such as "127.0.0.1:8080" or "[::1]:8080", '
    'or ":8080" for all addresses'
)
MINOR = 'must be a minor version of Python such as "3.11"'
FULL = 'must be a full version such as "3.11.7" (PEP 440)'
EXTRA = "must be an extra: letters and digits, with . _ - between"
PROJECT = "must be a project: letters and digits, with . _ - between"
PROJECTS = 'must be a project such as "torch" or a pattern such as "acme-*"'
INDEX = 'must be at most 64 small letters, digits and . _ - between, and not "endpoint"'
RELEASE = 'must be a release such as "django==5.2.1"'
MOMENT = (
    'must be a moment such as "2026-11-01T00:00:00Z", or a day such as "2026-11-01", '
    "which is its beginning in UTC"
)
SHA256 = "must be a SHA-256: 64 hexadecimal digits"
NAME = (
    "must be at most 64 letters, digits and . _ - that begin with a letter or digit, "
    "and not be a number"
)
SIZE = 'must be a size such as "5 GiB"; the units are b, kib, kb, mib, mb, gib, gb, tib, tb'
DURATION = (
    'must be a duration such as "7 days" or "36 h"; the units are s, second, seconds, min, minute, '
    "minutes, h, hour, hours, d, day, days, w, week, weeks"
)
HEX = "0123456789abcdef" * 4

GOOD: list[tuple[Callable[[str], object], str, object]] = [
    (values.address, "https://h/", "https://h"),
    (values.address, "http://h:8080/a//", "http://h:8080/a"),
    (values.index_address, "https://h", "https://h"),
    (values.index_address, "https://h/api/pypi/pypi", "https://h/api/pypi/pypi"),
    (values.index_address, "https://h/simpler", "https://h/simpler"),
    (values.socket_address, "127.0.0.1:8080", ("127.0.0.1", 8080)),
    (values.socket_address, ":1", ("", 1)),
    (values.socket_address, "[::1]:65535", ("::1", 65535)),
    (values.socket_address, "[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
    (values.socket_address, "my-host.x:80", ("my-host.x", 80)),
    (values.python_minor, "2.7", "2.7"),
    (values.python_minor, "3.123", "3.123"),
    (values.full_version, "3.11.7rc1", "3.11.7rc1"),
    (values.extra, "Socks_5.x", "socks-5-x"),
    (values.project, "A.b__C", "a-b-c"),
    (values.projects, "Acme_*", "acme-*"),
    (values.projects, "to[rt]ch?", "to[rt]ch?"),
    (values.index_name, "a", "a"),
    (values.index_name, "a" * 64, "a" * 64),
    (values.index_name, "my.index_2-x", "my.index_2-x"),
    (values.release, "Django == 5.2.1", ("django", "5.2.1")),
    (values.moment, "1970-01-02", 86400.0),
    (values.moment, "1970-01-01T00:00:01.5Z", 1.5),
    (values.moment, "1970-01-01T01:00:00+01:00", 0.0),
    *((values.sha256, text, HEX) for text in (HEX, HEX.upper())),
    (values.generation_name, "v1.0_x-y", "v1.0_x-y"),
    (values.generation_name, "1a", "1a"),
    (values.generation_name, "a" * 64, "a" * 64),
    (values.regex, "a.*[b]", "a.*[b]"),
    *((values.size, f"1 {unit}", 1000**n) for n, unit in enumerate(("B", "kB", "MB", "GB", "TB"))),
    *((values.size, f"2{unit}", 2 * 1024**n) for n, unit in enumerate(("", "KiB", "MiB", "GiB"))),
    (values.size, " 1.5 TiB ", 3 * 2**39),
    (values.size, "0", 0),
    *((values.duration, f"3 {unit}", 3 * n) for n, some in (
        (1, "s second seconds"), (60, "min minute minutes"), (3600, "h hour hours"),
        (86400, "d day days"), (604800, "w week weeks")) for unit in some.split()),
    (values.duration, "90", 90),
    (values.duration, "1.5 H", 5400),
    (values.duration, "0.9 s", 0),
]  # fmt: skip

BAD: list[tuple[Callable[[str], object], str, str]] = [
    *((values.address, text, ADDRESS) for text in (
        "", "h", "ftp://h", "https://", "https://h:0", "https://h:x", "https://[::1",
        "https://h/a b", "https://h/?a", "https://h/#a", "https://h\n")),
    *((values.index_address, f"https://h/{end}", WHOLE) for end in ("simple", "simple/", "pypi")),
    *((values.socket_address, text, SOCKET) for text in (
        "", "h", "h:", "h:0", "h:65536", "::1:80", "[x]:80", "h:8a", "h h:80")),
    *((values.python_minor, text, MINOR) for text in (
        "3", "3.11.7", "4.0", "3.1234", "3.x", "٣.1")),
    *((values.full_version, text, FULL) for text in ("", "x", "3.11.*", ">=3")),
    *((values.extra, text, EXTRA) for text in ("", "-a", "a b", "a[b]")),
    *((values.project, text, PROJECT) for text in ("", "a-", "é", "a,b")),
    *((values.projects, text, PROJECTS) for text in ("", "-a", "a-", ".a*", "a b", "é", "a/*")),
    *((values.index_name, text, INDEX) for text in (
        "", "A", "-a", "a-", "endpoint", "a" * 65, "a b")),
    *((values.release, text, RELEASE) for text in (
        "django", "==1", "a==", "a==x", "a=1", "a b==1")),
    *((values.moment, text, MOMENT) for text in (
        "", "yesterday", "2026-13-01", "2026-11-01T00:00:00", "20261101")),
    *((values.sha256, text, SHA256) for text in ("", HEX[:-1], HEX + "0", "g" * 64)),
    *((values.generation_name, text, NAME) for text in (
        "", "12", "-a", ".a", "a" * 65, "a b", "é")),
    *((values.size, text, SIZE) for text in ("", "x", "1 XB", "-1", "1e3", "1 GiB 2", "1" * 16)),
    *((values.duration, text, DURATION) for text in ("", "7 fortnights", "h", "1:00", "-1 h")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "text", "value"), GOOD)
def test_what_is_allowed(check: Callable[[str], object], text: str, value: object) -> None:
    assert check(text) == value


@pytest.mark.parametrize(("check", "text", "said"), BAD)
def test_what_is_not(check: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^must be ") as raised:
        check(text)
    assert str(raised.value) == said


def test_a_regular_expression_says_what_is_wrong_with_it() -> None:
    with pytest.raises(ValueError, match=r"^must be a regular expression of Python: .*position 0"):
        values.regex("(")


@pytest.mark.parametrize(
    ("show", "given", "expected"),
    [
        (display.shown_address, (None,), None),
        (display.shown_address, (("h", 80),), "h:80"),
        (display.shown_address, (("::1", 80),), "[::1]:80"),
        (display.shown_address, (("", 80),), ":80"),
        (display.counted, (1200,), "1,200"),
        (
            display.counted,
            (
                1,
                "file",
            ),
            "1 file",
        ),
        (
            display.counted,
            (
                0,
                "file",
            ),
            "0 files",
        ),
        (
            display.counted,
            (
                1234567,
                "entry",
            ),
            "1,234,567 entries",
        ),
        (
            display.counted,
            (
                1,
                "entry",
            ),
            "1 entry",
        ),
        (display.show_size, (1023,), "1023 B"),
        (display.show_size, (1024,), "1 KiB"),
        (display.show_size, (2**20 * 3 // 2,), "1.5 MiB"),
        (display.show_size, (2**30 * 10,), "10 GiB"),
        (display.show_size, (2**40,), "1 TiB"),
        (display.show_size, (2**50,), "1024 TiB"),
        (display.show_duration, (0,), "0 seconds"),
        (display.show_duration, (59,), "59 seconds"),
        (display.show_duration, (60,), "1 minute"),
        (display.show_duration, (7200,), "2 hours"),
        (display.show_duration, (86400,), "1 day"),
        (display.show_duration, (90000,), "25 hours"),
        (display.show_moment, (1e30,), "the end of time"),
        (display.show_moment, (0,), "1970-01-01T00:00:00Z"),
        (display.one_line, ("plain text",), "plain text"),
        (display.one_line, ("a\x1b[2J\tb\n\nc",), "a?[2J b c"),
    ],
)
def test_how_it_is_shown(
    show: Callable[..., str | None], given: tuple[object, ...], expected: str | None
) -> None:
    assert show(*given) == expected
