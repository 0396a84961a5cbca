"""How uv reads a requirement with a URL: ``dep @ https://host/dep-1.0.zip ; marker``.

uv passes over METADATA with a URL that it cannot read, whatever the marker says, and stops at one
that it can read, where the marker holds (``uv-pep508``, ``uv-pypi-types``: ``parsed_url.rs``).
"""

import re

from pypisync.core.standards.uv_mends import spellings

_FRONT = re.compile(r"([^@;<>=!~()'\"]*@)\s*+(\S.*)", re.DOTALL)
_END = re.compile(r"(?<!\s)\s++(?=[;#]|\Z)|(?=[;#]\s)")  # of a URL, for uv
_BLANK = re.compile(r"\s")
_FOR_PIP = re.compile(r"\s*([^ \t]++)[ \t]*+(?:;.*)?", re.DOTALL)  # what pip reads behind the @

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LABEL = r"(?!xn--)[a-z0-9_-]+"
_HOST = rf"(?i:(?:{_LABEL}\.)*(?![0-9-]){_LABEL}|{_BYTE}(?:\.{_BYTE}){{3}})"
_USER = r"(?:[\w.~!$&'()*+,;=:%-]*@)?"
# No segment stands for another one, and none is a backslash, which ends one, or a variable. At two
# slashes behind a repository uv panics.
_SEGMENT = r"/(?!/(?:[?#]|\Z)|\.\.?(?:[/?#]|\Z)|[^/]*%2[Ee])(?:[^/?#\\$\x00-\x1f]|\$(?!\{))*"
_REST = r"(?:[?#][^\\$\x00-\x1f]*)?"
_AT_HOST = rf"://{_USER}{_HOST}(?::[0-9]{{0,4}})?"
_PLAIN_WEB = re.compile(rf"https?{_AT_HOST}((?:{_SEGMENT})*){_REST}", re.ASCII)
_PLAIN_GIT = re.compile(rf"git\+(?:https?|ssh){_AT_HOST}((?:{_SEGMENT})*){_REST}", re.ASCII)
# What ends so is a distribution.
_KNOWN = re.compile(r".+\.(?:whl|zip|tar|tgz|tbz|txz|tlz|(?i:tar)\.(?:gz|bz2|xz|lz|lzma|zst))")
_REPOSITORY = re.compile(r".+\.git", re.IGNORECASE)
# Schemes that uv has no reader for, paths from where nobody knows, and hosts as scp has them.
_UNKNOWN = re.compile(
    r"(?!https?:|file:|git\+(?:https?|ssh|file):|[/\\'\"$]|[a-z]:)"
    r"|git\+ssh://(?:[^/@]*@|(?![^/]*@))[^/:@]*:[a-z]",
    re.IGNORECASE,
)


def cut(text: str) -> str | None:
    """Returns a requirement with a URL as PEP 508 has it, cut where uv cuts it; None: it has none.

    For uv a URL also ends at a semicolon with a blank behind it, or at a comment, and may have
    blanks.
    """
    found = _parts(text)
    if found is None:
        return None
    front, url, marker = found
    return f"{front} {_BLANK.sub('%20', url)} {marker}"


def is_read(text: str) -> bool | None:
    """Returns whether uv can read the URL of a requirement; None: it is not known."""
    if found := _parts(text):
        for_pip = _FOR_PIP.fullmatch(text, len(found[0]))
        if for_pip and for_pip[1] != found[1]:
            return None  # each has a marker of its own
    states = [_is_read(found[1]) for one in spellings(text) if (found := _parts(one))]
    return next((state for state in states if state is not False), False)


def _parts(text: str) -> tuple[str, str, str] | None:
    """Returns what stands before the URL, the URL, and the marker with its semicolon or ""."""
    if (match := _FRONT.fullmatch(text)) is None:
        return None
    front, rest = match.groups()
    end = found.start() if (found := _END.search(rest)) else len(rest)
    behind = rest[end:].strip()
    return front, rest[:end], behind if behind.startswith(";") else ""


def _is_read(url: str) -> bool | None:
    if _UNKNOWN.match(url):
        return False
    if (match := _PLAIN_GIT.fullmatch(url)) and match[1].count("@") <= 1:
        return True
    if match := _PLAIN_WEB.fullmatch(url):
        last = match[1].rstrip("/").rpartition("/")[2]
        return bool(_KNOWN.fullmatch(last) or _REPOSITORY.fullmatch(last))
    return None
