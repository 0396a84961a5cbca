"""The mistakes in requirements and specifiers that uv mends and pip does not.

uv reads a text that breaks the standards (PEP 440, PEP 508) again after each of these changes, in
this order, and takes the first that it can read (``uv-pypi-types``, ``lenient_requirement.rs``).
"""

import re
from collections.abc import Iterator

_CHANGES = (
    (re.compile(r"([0-9])([<>=~^!])"), r"\1,\2"),  # >=7.2.0<8.0.0
    (re.compile(r"!=~((?:[0-9]\.)*[0-9])"), r"!=\1.*"),  # !=~5.0
    (re.compile(r"(<=|>=|<|>)([0-9]+(?:\.[0-9]+)*)\.\*"), r"\1\2"),  # >=1.9.*
    (re.compile(r"([0-9]\.[0-9])+\*"), r"\1.*"),  # !=3.0*
    (re.compile(r",\s*\Z"), ""),  # >=3.6,
    (re.compile(r">dev"), ">0.0.0dev"),
    (re.compile(r"([0-9]+(?:\.[0-9])*(?:a|b|rc|post|dev)[0-9]+)\.0"), r"\1"),  # >=9.0.0a1.0
)
_QUOTES = str.maketrans("", "", "'\"")


def spellings(text: str) -> Iterator[str]:
    """Yields the text as it stands, and after each change that makes a difference."""
    yield text
    for pattern, by in _CHANGES:
        changed = pattern.sub(by, text)
        if changed != text:
            text = changed
            yield text
    front, semicolon, marker = text.partition(";")
    changed = front.translate(_QUOTES) + semicolon + marker  # those of a marker belong there
    if changed != text:
        yield changed
