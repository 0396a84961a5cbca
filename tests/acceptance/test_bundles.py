"""A bundle for real: a lock made outside installs inside, where no index is reached."""

from pathlib import Path

from tests.acceptance import worlds
from tests.acceptance.clients import install, uv
from tests.acceptance.product import Mirror, Product
from tests.acceptance.serving import serve
from tests.acceptance.test_lock import HERE, lock, synced, write_project


def test_a_lock_made_outside_installs_inside(
    product: Product, mirror: Mirror, index: str, tmp_path: Path
) -> None:
    media, options = tmp_path / "media", ("--config", str(mirror.configuration))
    product.pypisync("export", "--full", "--unsigned", "--to", str(media), *options)
    keys = worlds.configuration("http://127.0.0.1:9")
    inside = Mirror(product, tmp_path / "inside", keys)
    done = product.pypisync(
        "import", str(media), "--unsigned", "--config", str(inside.configuration)
    )
    assert done.returncode == 0, done.stderr

    project = write_project(tmp_path / "p", worlds.UV_ENVIRONMENT, worlds.UV_PYTHONS)
    assert lock(project, index).returncode == 0
    with serve(inside.tree, "json") as address:
        path = project / "uv.lock"
        text = path.read_text(encoding="utf-8")
        outside, host = index.removesuffix("/simple/"), address.removesuffix("/simple/")
        path.write_text(text.replace(outside, host), encoding="utf-8")
        assert synced(project, address) == HERE

        wanted = tmp_path / "requirements.txt"
        uv(project, "export", "--frozen", "-o", str(wanted))
        assert "--hash=sha256:" in wanted.read_text(encoding="utf-8")
        hashed = ("--require-hashes", "-r", str(wanted))
        assert install("pip", address, tmp_path / "pip", *hashed) == HERE
