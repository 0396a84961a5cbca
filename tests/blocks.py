"""The blocks of code in the documents, for tests that run them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_BLOCK = re.compile(r"^([ ]*)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code: where it stands, its language, and its text."""

    document: Path
    language: str
    text: str
    line: int

    @property
    def place(self) -> str:
        """Where it stands, for the name of a test."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(language: str, document: Path | None = None) -> Iterator[Block]:
    """All blocks in this language, of one document or of all."""
    for path in DOCUMENTS if document is None else [document]:
        text = path.read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            if found[2] == language:
                line = text.count("\n", 0, found.start()) + 1
                yield Block(path, language, textwrap.dedent(found[3]), line)


def block(name: str, language: str, containing: str) -> str:
    """The text of the one block of a document in ``docs`` that contains this."""
    document = ROOT / "docs" / name
    [found] = [one.text for one in blocks(language, document) if containing in one.text]
    return found
