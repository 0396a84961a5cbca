"""A simulated upstream that behaves like PyPI: one publishes to it, yanks from it, breaks it.

The same :class:`~tests.sim.world.World` is served in memory and over HTTP on the loopback::

    from tests.sim.memory import MemoryUpstream
    from tests.sim.server import Server
    from tests.sim.world import World

    world = World()
    world.publish("b", "1.0")
    world.publish("a", "1.0", requires=["b>=1"], extras={"fast": ["b>=1"]}, sdist=True)
    upstream = MemoryUpstream(world)  # implements pypisync.upstream.api.Upstream
    before = upstream.serial()
    world.yank("b", "1.0", reason="broken")
    world.faults.fail("/simple/b/*", 503, times=1)
    assert [change.action for change in upstream.changes(before)] == ["yank release"]
    assert upstream.requests("xmlrpc") == 3  # the serial, a page, and the empty page after it

    with Server(world) as server:  # the same world over HTTP, with the same faults
        requests.get(f"{server.url}/simple/a/")
        assert server.requests("simple") == 1

It reads no wall clock and draws no random number that is not seeded.
"""
