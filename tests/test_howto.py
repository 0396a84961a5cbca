"""What the documents show: configurations are right, SQL runs, commands and options are there."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from typer.core import TyperCommand

from docs.generated import every_command
from pypisync.catalog.db.reader import Reader
from pypisync.catalog.db.views import VIEWS
from pypisync.web.metrics import METRICS
from tests.blocks import DOCUMENTS, ROOT, Block, blocks
from tests.cli.running import invoke
from tests.recipe.mirrors import Bench
from tests.sim.memory import MemoryUpstream
from tests.sim.world import World

COMMANDS = {tuple(words.split()[1:]): command for words, command in every_command()}
BESIDE = {  # the files that configurations in the documents name
    "team.txt": "flask>=3\n",
    "frozen.txt": "flask==3.1.0\n",
    "app/uv.lock": 'version = 1\nrequires-python = ">=3.12"\n',
    "company.pem": Path(DEFAULT_CA_BUNDLE_PATH).read_text(encoding="utf-8"),
    "company.credentials": "mirror:password\n",
    "wheels/README": "",
}


def place(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("block", list(blocks("json5")), ids=place)
def test_configurations_are_right(block: Block, tmp_path: Path) -> None:
    for name, text in BESIDE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = tmp_path / "pypisync.json5"
    config.write_text(block.text, encoding="utf-8")
    done = invoke(config, "check")
    assert done.code == 0, done.err


def test_sql_runs(tmp_path: Path, world: World, database: str) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    Bench(tmp_path, MemoryUpstream(world), {"a": ["latest"]}, url=database).sync()
    found = list(blocks("sql"))
    assert found
    with Reader(database) as reader:
        for block in found:
            for statement in block.text.split(";"):
                if statement.strip():
                    columns, rows = reader.ask(statement)
                    assert columns, block.place
                    list(rows)


@pytest.mark.parametrize("block", list(blocks("sh")), ids=place)
def test_commands_are_there(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block.text, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for words in called(block.text):
        check(words)


def called(script: str) -> Iterator[list[str]]:
    """The words after ``pypisync`` in each call of it."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words = list(lexer)
        for start, word in enumerate(words):
            if Path(word).name == "pypisync" and (start == 0 or words[start - 1] in {"&&", "|"}):
                rest = words[start + 1 :]
                ends = [i for i, w in enumerate(rest) if set(w) <= set("();<>|&")]
                yield rest[: min(ends, default=len(rest))]


def check(words: list[str]) -> None:
    """Fail unless these words after ``pypisync`` name a command with options that it has."""
    command = named(words)
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    assert given <= known | {"--help"}, words


def named(words: list[str]) -> TyperCommand:
    for length in (2, 1):
        command = COMMANDS.get(tuple(words[:length]))
        if command is not None:
            return command
    raise AssertionError(f"there is no command: pypisync {' '.join(words)}")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_text_are_there(path: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for code in re.findall(r"`pypisync ([^`]+)`", text):
        words = shlex.split(" ".join(code.split()))
        if not words[0].startswith("-"):
            check(words)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_metrics_and_views_in_the_text_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    metrics = set(re.findall(r"\bpypisync_[a-z_]+\b", text))
    assert metrics <= set(METRICS)
    assert set(re.findall(r"\bv_[a-z_]+\b", text)) <= {view.name for view in VIEWS}
