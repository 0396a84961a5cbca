"""What pip and uv install from the mirror alone, and that it is what they install from upstream."""

from pathlib import Path

import pytest

from tests.acceptance import worlds
from tests.acceptance.clients import CLIENTS, Client, install, try_install
from tests.acceptance.product import Mirror
from tests.acceptance.serving import serve
from tests.recipe.mirrors import read_tree, tree_bytes

ALL = tuple(sorted(worlds.PACKAGES))
# uv takes a yanked release only for a pin that it is given itself.
PINS = ("withdrawn==0.9",)


@pytest.mark.parametrize("client", CLIENTS)
def test_everything_at_once(client: Client, served: str, tmp_path: Path) -> None:
    assert install(client, served, tmp_path, *ALL, *PINS) == worlds.TOGETHER


@pytest.mark.parametrize("root", ALL)
def test_each_root_by_itself_is_what_upstream_gives(
    root: str, index: str, upstream_index: str, tmp_path: Path
) -> None:
    pins = PINS if root == "careful" else ()
    found = install("uv", index, tmp_path / "mirror", root, *pins)
    name = root.partition("[")[0]
    assert found[name] == worlds.ALONE.get(name, worlds.TOGETHER[name])
    if root != "pinned":  # the mirror is told to hold 1.1 alone
        assert found == install("uv", upstream_index, tmp_path / "upstream", root, *pins)


def test_the_tree_is_whole_and_the_same_on_both_databases(
    mirror: Mirror, mirror_on_postgresql: Mirror
) -> None:
    assert read_tree(mirror.tree).keys() >= worlds.TOGETHER.keys()
    assert tree_bytes(mirror.tree) == tree_bytes(mirror_on_postgresql.tree)


def test_a_yanked_pin_installs_with_its_reason(index: str, tmp_path: Path) -> None:
    done = try_install("pip", index, tmp_path, "careful")
    assert done.returncode == 0, done.stderr
    assert "deletes too much" in done.stdout + done.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_an_sdist_builds_from_the_mirror_alone(client: Client, index: str, tmp_path: Path) -> None:
    found = install(client, index, tmp_path, "modern")
    assert found == {"modern": "1.0", "leaf": "3.0"}
    built = (tmp_path / "target" / "modern.py").read_text(encoding="utf-8")
    assert built == "version = '1.0'\n"


def test_without_its_build_requirement_it_would_not(mirror: Mirror, tmp_path: Path) -> None:
    """So the test above does not find it elsewhere."""
    tree = tmp_path / "tree"
    for path in (mirror.tree / "simple", mirror.tree / "packages"):
        (tree / path.name).mkdir(parents=True)
    for page in (mirror.tree / "simple").iterdir():
        if page.name != "builder":
            (tree / "simple" / page.name).symlink_to(page)
    (tree / "packages").rmdir()
    (tree / "packages").symlink_to(mirror.tree / "packages")
    with serve(tree, "json") as address:
        done = try_install("uv", address, tmp_path, "modern")
    assert done.returncode != 0
    assert "builder" in done.stderr


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("project", ["stranger", "six"])
def test_what_is_not_in_the_mirror_is_nowhere(
    client: Client, project: str, index: str, tmp_path: Path
) -> None:
    """No other index leaks into these tests: neither upstream nor one the machine has set up."""
    done = try_install(client, index, tmp_path, project)
    assert done.returncode != 0
    words = {"pip": f"No matching distribution found for {project}", "uv": "was not found in the"}
    assert words[client] in done.stderr


def test_upstream_does_have_it(upstream_index: str, mirror: Mirror, tmp_path: Path) -> None:
    assert install("uv", upstream_index, tmp_path, "stranger") == {"stranger": "1.0"}
    assert not (mirror.tree / "simple" / "stranger").exists()  # a folder would be answered by 403


@pytest.mark.parametrize(
    ("client", "option"), [("pip", "--uploaded-prior-to"), ("uv", "--exclude-newer")]
)
def test_a_cooldown_chooses_what_it_chooses_upstream(
    client: Client, option: str, index: str, upstream_index: str, tmp_path: Path
) -> None:
    cooldown = [option, "2025-07-01T00:00:00Z"]
    found = install(client, index, tmp_path / "mirror", "aged", *cooldown)
    assert found == {"aged": "2.0", "ages": "0.2"}
    assert found == install(client, upstream_index, tmp_path / "upstream", "aged", *cooldown)
