"""``check`` opens the files that a configuration names."""

from pathlib import Path
from typing import Any

import pytest

from pypisync.config.load import load
from pypisync.errors import ConfigError
from pypisync.wiring_upstream import check_upstream
from tests.cli.running import configure, invoke


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("ca_file", "{0}/junk holds no certificate, or one that cannot be read; it is wanted"),
        ("client_cert", "{0}/junk holds no certificate, or one that cannot be read; it is wanted"),
        ("credentials_file", '{0}/junk: one line was expected, "user:password" or a bearer token'),
    ],
)
def test_files_of_indexes(tmp_path: Path, key: str, said: str) -> None:
    (tmp_path / "junk").write_text("nothing of it\nnor this")
    index = {"name": "company", "address": "https://index.example/simple/", key: "junk"}
    config = configure(tmp_path, upstream={key: "junk"}, indexes=[index])
    done = invoke(config, "check")
    assert done.code == 2
    lines = done.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"upstream.{key}", f"indexes[0].{key}"]
    assert all(said.format(tmp_path) in line for line in lines)
    assert ["root", "a", "latest"] in done.lines
    assert invoke(config, "check", "--json").json["endpoint"]
    with pytest.raises(ConfigError, match="junk"):  # nor does a daemon take it up
        check_upstream(load(config, {}))


def test_what_is_secret_may_be_there_for_the_service_alone(tmp_path: Path) -> None:
    bundles = {"sign": ["none.key"], "trusted": {"hq": {"key": "none.pub"}}}
    asked = {"credentials_file": "/run/credentials/none"}
    config = configure(tmp_path, upstream=asked, bundles=bundles)
    assert invoke(config, "check").code == 0


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"trusted": {"hq": {"key": "."}}}, "cannot be read: Is a directory"),
        ({"trusted": {"hq": {"key": "junk"}}}, "junk: "),
        ({"sign": ["junk"]}, "junk: "),
    ],
)
def test_keys_of_bundles(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    pytest.importorskip("cryptography")
    (tmp_path / "junk").write_text("no key")
    done = invoke(configure(tmp_path, bundles=keys), "check")
    assert done.code == 2
    assert said in done.err
