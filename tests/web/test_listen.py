"""The key ``listen``: what it allows and what it means."""

from pathlib import Path

import pytest

from pypisync.config.load import json_schema, load
from pypisync.core import display
from pypisync.errors import ConfigError
from tests.cli.running import configure, invoke


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        (":80", "", 80),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:8080", "fe80::1%eth0", 8080),
        ("mirror.example:8080", "mirror.example", 8080),
    ],
)
def test_addresses(tmp_path: Path, text: str, host: str, port: int) -> None:
    file = configure(tmp_path, listen=text)
    assert load(file, {}).listen == (host, port)
    assert display.shown_address((host, port)) == text
    assert ["listen", text] in invoke(file, "check").lines
    assert invoke(file, "check", "--json").json["listen"] == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "8080", "127.0.0.1", "127.0.0.1:0", ":65536", "::1:80", "[::1]", "http://x:80"),
        *("a b:80", ":80 ", ":8080\n", ":\uff18\uff10", "x:-1"),
    ],
)
def test_what_is_no_address(tmp_path: Path, text: str) -> None:
    file = configure(tmp_path, listen=text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    [fault] = caught.value.faults
    assert 'listen: "' in fault
    assert 'must be a host and a port such as "127.0.0.1:8080" or "[::1]:8080"' in fault


def test_of_another_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"listen: 8080: must be null \(no HTTP\) or the host"):
        load(configure(tmp_path, listen=8080), {})


def test_the_schema_has_it() -> None:
    assert "127.0.0.1:8080" in json_schema()["properties"]["listen"]["description"]
