"""How numbers, times, addresses and texts are shown to people, and what is never shown of them."""

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shown_address(address: tuple[str, int] | None) -> str | None:
    """Returns a host and a port as one text: what :func:`socket_address` reads."""
    if address is None:
        return None
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def counted(number: int, noun: str = "") -> str:
    """Returns a number with its thousands parted, and what it counts: "1,200 files", "1 file"."""
    if not noun:
        return f"{number:,}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def one_line(text: str) -> str:
    """Returns the text in one line, without what could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def show_size(count: int) -> str:
    """Returns ``count`` bytes in the largest IEC unit that keeps the number above 1."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def show_duration(seconds: int) -> str:
    """Returns ``seconds`` in the largest unit that divides it."""
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}" + "s" * (count != 1)
    return show_seconds(seconds)


def show_seconds(seconds: float) -> str:
    """Returns seconds as they are: "1 second", "0.5 seconds"."""
    return f"{seconds:.15g} second{'' if seconds == 1 else 's'}"


def show_moment(seconds: float) -> str:
    """Returns a moment (seconds since 1970) in UTC, to the second that is not before it."""
    try:
        text = (_EPOCH + timedelta(seconds=-(-seconds // 1))).isoformat()
    except OverflowError:
        return "the end of time"
    return text.removesuffix("+00:00") + "Z"


def stays_at(generation: int) -> str:
    """Returns that the index is frozen to a generation, and what ends that."""
    return f'the index stays at generation {generation} until "pypisync rollback --release"'


def masked(text: str) -> str:
    """Returns ``text`` without secrets: credentials and queries in URLs, password parameters.

    It rather hides too much: the text may be a URL that is not well formed.
    """
    text = re.sub(r"(:/*).*@", r"\1***@", text, flags=re.DOTALL)
    text = re.sub(r"(https?:[^\s\"?#]*[?#])[^\s\"]*", r"\1***", text, flags=re.IGNORECASE)
    return re.sub(r"((?:password|passwd|pwd)=)[^&\s\"]*", r"\1***", text, flags=re.IGNORECASE)
