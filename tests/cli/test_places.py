"""Folders and databases may be called as the disk allows; all commands then find the same ones."""

from pathlib import Path

import pytest

from tests.cli.running import configure, invoke
from tests.sim.server import Server
from tests.sim.world import World


@pytest.mark.parametrize("folder", ["plain", "J\u00fcrgen's 50%25 a@b:c#d ?x=1"])
@pytest.mark.parametrize(
    ("keys", "file"),
    [
        ({}, "data.sqlite"),
        ({"destination_folder": "a%41 \u00e9?b#"}, "a%41 \u00e9?b#.sqlite"),
        ({"database": "sqlite:///own.sqlite"}, "own.sqlite"),
        ({"database": "sqlite:///me@home:%C3%A9 %25.sqlite"}, "me@home:\u00e9 %.sqlite"),
        ({"database": "sqlite:///\u00e9+#.sqlite?timeout=9"}, "\u00e9+#.sqlite"),
    ],
)
def test_what_is_written_is_found(
    tmp_path: Path, world: World, server: Server, folder: str, keys: dict[str, str], file: str
) -> None:
    world.publish("a", "1.0")
    config = configure(tmp_path / folder, server.url, **keys)
    for command in (
        ("check",),
        ("sync",),
        ("status",),
        ("why", "a"),
        ("query", "SELECT * FROM v_listed"),
        ("verify",),
        ("plan",),
        ("backup", str(tmp_path / "kept")),
        ("restore", str(tmp_path / "kept")),
    ):
        done = invoke(config, *command)
        assert done.code == 0, (command, done.err)
    assert invoke(config, "status", "--json").json["generation"]
    assert (tmp_path / folder / file).is_file()


def test_a_plan_of_a_mirror_that_is_not_there_yet(
    tmp_path: Path, world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its catalog lies in the temporary folder, which may be called so as well."""
    temporary = tmp_path / "50% ?x=1"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    world.publish("a", "1.0")
    config = configure(tmp_path / "mirror", server.url)
    done = invoke(config, "plan")
    assert (done.code, list(temporary.iterdir())) == (0, [])
