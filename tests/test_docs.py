"""The documents: they build without a warning, name all there is, and fetch nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs import generated
from pypisync.catalog.db.views import VIEWS
from pypisync.config.source import OVERRIDES
from pypisync.errors import EXIT_CODES, PypiSyncError
from pypisync.logs import EVENTS
from pypisync.web.metrics import METRICS
from tests.daemon.test_logs import events

ROOT = Path(__file__).parents[1]


@dataclass
class Page(HTMLParser):
    """What a page of the site has: its anchors, and the resources that a browser would fetch."""

    anchors: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note anchors and resources."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            fetched = name in {"src", "srcset", "data"} or (tag == "link" and name == "href")
            if value and fetched:
                self.resources.add(value)

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A warning is a failure: a link or an anchor that leads nowhere is one."""
    folder = tmp_path_factory.mktemp("site")
    program = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", f"{folder}/trees"]
    done = subprocess.run(
        [*program, str(ROOT / "docs"), str(folder / "html")],
        env=os.environ | {"no_proxy": "*"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 5
    for path in pages:
        foreign = [name for name in read(path).resources if "//" in name]
        assert foreign == [], path
    for path in site.rglob("*.css"):
        assert "url(http" not in path.read_text(encoding="utf-8").replace('"', ""), path


def test_every_key_has_its_place(site: Path) -> None:
    anchors = read(site / "reference/configuration.html").anchors
    keys = [path for path, _ in generated.every_key()]
    assert {"environment.extra", "policy.block[].name", "requirements[].file"} <= set(keys)
    assert [key for key in keys if generated.anchor("key", key) not in anchors] == []


def test_every_key_says_what_is_allowed() -> None:
    assert [key for key, info in generated.every_key() if not info.description] == []


def test_every_override_is_named(site: Path) -> None:
    text = "".join(read(site / "reference/configuration.html").text)
    assert [name for name in OVERRIDES.values() if name not in text] == []


def options() -> Iterator[tuple[str, str]]:
    for words, command in generated.every_command():
        for param in command.params:
            yield from ((words, name) for name in param.opts if name != "--help" and "--" in name)


def test_every_command_and_option_is_described(site: Path) -> None:
    page = read(site / "reference/commands.html")
    sections = " ".join("".join(page.text).split()).split(" pypisync ")
    for words, command in generated.every_command():
        assert command.help, words
        assert words.removeprefix("pypisync ").replace(" ", "-") in page.anchors, words
    for words, option in options():
        own = [text for text in sections if text.startswith(words.removeprefix("pypisync "))]
        assert any(option in text for text in own), f"{words} {option}"
    for words, command in generated.every_command():
        silent = [p.name for p in command.params if not getattr(p, "help", "")]
        assert silent == [], words


def test_every_view_event_metric_and_exit_code_is_described(site: Path) -> None:
    assert {view.name for view in VIEWS} <= {
        anchor.replace("-", "_") for anchor in read(site / "reference/views.html").anchors
    }
    assert set(EVENTS) == set(events())
    for page, what, names in (
        ("log", "event", EVENTS),
        ("metrics", "metric", METRICS),
        ("exit-codes", "exit code", map(str, EXIT_CODES)),
    ):
        anchors = read(site / f"reference/{page}.html").anchors
        assert [name for name in names if generated.anchor(what, name) not in anchors] == []


def errors(kind: type[PypiSyncError] = PypiSyncError) -> Iterator[type[PypiSyncError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from errors(inner)


def test_every_exit_code_is_known() -> None:
    assert {kind.exit_code for kind in errors()} <= set(EXIT_CODES)
