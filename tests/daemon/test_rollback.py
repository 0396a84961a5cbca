"""Going back while a real daemon runs: it obeys, and neither cycles nor a restart roll forward."""

import signal
from pathlib import Path

from tests.cli.running import configure, fork
from tests.daemon.process import Forked
from tests.recipe.mirrors import read_tree
from tests.sim.server import Server
from tests.sim.world import World


def test_a_daemon_goes_back_and_stays(tmp_path: Path, world: World, server: Server) -> None:
    world.publish("a", "1.0", requires=["b"])
    world.publish("b", "1.0")
    config = configure(tmp_path, server.url, packages={"a": ["latest"]}, retention="1 day")
    old, data = {"a": {"1.0"}, "b": {"1.0"}}, tmp_path / "data"
    assert fork(config, "sync").code == 0
    world.publish("a", "2.0")
    assert fork(config, "sync").code == 0
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        said = fork(config, "rollback", "1")
        assert said.code == 0, said.err
        assert f"the daemon (pid {daemon.process.pid}) was asked for it" in said.err
        daemon.wait_for("run", generation=3)
        assert read_tree(data) == old
        world.publish("a", "3.0")
        daemon.send(signal.SIGUSR1)
        daemon.wait_for("run", 2)
        assert read_tree(data) == old
        fork(config, "tag", "1", "good")
        assert fork(config, "generations").lines[-1][3] == "good"
        daemon.terminate()
    assert fork(config, "sync").code == 0
    assert read_tree(data) == old
    with Forked(config) as daemon:
        daemon.wait_for("leading")
        fork(config, "rollback", "--release")
        daemon.wait_for("run", generation=4)
        assert read_tree(data) == {"a": {"3.0"}}
        daemon.terminate()
