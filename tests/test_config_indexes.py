"""Indexes in the configuration: what they come to, and that nobody sees their credentials."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pypisync.cli.app import app
from pypisync.errors import ConfigError
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.credentials import basic
from pypisync.upstream.folder import FolderUpstream
from pypisync.upstream.indexes import Indexes
from pypisync.wiring_upstream import open_upstream
from tests.test_config import faults, loaded

THREE = """{
  indexes: [
    { name: "own", folder: "wheels", projects: ["Acme.*"] },
    { name: "pytorch", address: "https://download.example/whl/cpu", projects: ["torch"] },
    { name: "company", address: "https://me:secret@host/simple/", credentials_file: "token" },
  ],
  endpoint: "https://pypi.example",
  reserved: ["acme-*"],
}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "token").write_text("bearer-token\n")
    return tmp_path


def test_indexes_come_in_order_and_the_endpoint_last(folder: Path) -> None:
    config = loaded(folder, THREE)
    own, pytorch, company = config.indexes
    assert (own.folder, own.address, own.projects) == (folder / "wheels", None, ("acme-*",))
    assert pytorch.address == "https://download.example/whl/cpu"
    assert company.credentials_file == folder / "token"
    assert config.assignment.indexes_of("acme-core") == ("own",)
    assert config.assignment.indexes_of("torch") == ("pytorch",)
    assert config.assignment.indexes_of("flask") == ("company", "endpoint")


def test_each_index_is_opened_as_it_is_configured(folder: Path) -> None:
    upstream = open_upstream(loaded(folder, THREE), lambda: False)
    assert isinstance(upstream, Indexes)
    own, pytorch, company, endpoint = upstream.feeds
    assert isinstance(own, FolderUpstream)
    assert isinstance(pytorch, HttpUpstream)
    assert isinstance(company, HttpUpstream)
    assert [one.name for one in upstream.feeds] == ["own", "pytorch", "company", "endpoint"]
    sessions = [one._session for one in (pytorch, company)]
    assert [session.root for session in sessions] == [
        "https://download.example/whl/cpu/",
        "https://host/simple/",
    ]
    # Only what is like PyPI has the other APIs, beside the simple index.
    assert [session.settings.has_api for session in sessions] == [False, True]
    assert sessions[1].endpoint == "https://host"
    upstream.close()
    assert isinstance(open_upstream(loaded(folder, "{}"), lambda: False), HttpUpstream)
    assert endpoint.name == "endpoint"


def test_the_endpoint_has_credentials_and_a_certificate_of_its_own(folder: Path) -> None:
    """They go to the endpoint alone: no other index is shown them."""
    for name in ("cert", "key"):
        (folder / name).write_text("")
    (folder / "endpoint-token").write_text("mirror:word\n")
    text = """{ packages: { app: [">=0"] },
      upstream: { credentials_file: "endpoint-token", client_cert: "cert", client_key: "key" },
      indexes: [{ name: "other", address: "https://other.example/" }] }"""
    upstream = open_upstream(loaded(folder, text), lambda: False)
    assert isinstance(upstream, Indexes)
    other, endpoint = (one._session.settings for one in upstream.feeds)  # type: ignore[attr-defined]
    assert endpoint.credentials == basic("mirror", "word")
    assert (endpoint.client_cert, endpoint.client_key) == (
        str(folder / "cert"),
        str(folder / "key"),
    )
    assert (other.credentials, other.client_cert, other.client_key) == (None, None, None)
    upstream.close()


def test_credentials_without_sense_are_told_without_being_shown(folder: Path) -> None:
    (folder / "token").write_text("two lines\nof it")
    with pytest.raises(ConfigError) as caught:
        open_upstream(loaded(folder, THREE), lambda: False)
    assert "token: one line was expected" in str(caught.value)
    assert "of it" not in str(caught.value)


def test_check_shows_the_indexes_and_no_credentials(folder: Path) -> None:
    loaded(folder, THREE)
    for option in ([], ["--json"]):
        result = CliRunner().invoke(
            app, ["check", "--config", str(folder / "pypisync.json5"), *option]
        )
        assert result.exit_code == 0, result.output
        assert "secret" not in result.output
        for part in ("own", "acme-*", "torch", "company", "reserved"):
            assert part in result.output


def test_faults_do_not_show_credentials(folder: Path) -> None:
    text = '{ indexes: [{ name: "e", address: "https://me:secret@host", client_key: "k" }] }'
    found = faults(folder, text)
    assert len(found) == 2
    assert "secret" not in "".join(found)
    assert 'must have the "client_cert" that its "client_key" is for' in "".join(found)
