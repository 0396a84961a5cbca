"""What happens upstream: changes, and answers that are late, cut, stale or lies."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from tests.sim.world import World

NAMES = [f"p{number}" for number in range(9)]
_LIES: tuple[tuple[bytes, str], ...] = (
    (b"<!DOCTYPE html><html><body>Just a moment</body></html>", "text/html"),
    (b"", "application/vnd.pypi.simple.v1+json"),
    (b"{}", "application/vnd.pypi.simple.v1+json"),
    (b'{"meta":{"api-version":"1.0"},"name":"p1","files":[]}', "application/json"),
    (b'{"meta":{"api-version":"9.0"},"name":"p2","files":[{}]}', "application/json"),
    (b"\xff\xfe\x00" * 40, "application/vnd.pypi.simple.v1+json"),
)
_HOUR = 3_600
# Seconds since an upload: none is near an age that a policy may want.
_AGES = (None, None, 3 * _HOUR, 36 * _HOUR, 5 * 24 * _HOUR, 60 * 24 * _HOUR)
# The mirror can use the first two of them.
_TAGS = (
    "py3-none-any", "cp311-cp311-manylinux_2_17_x86_64",
    "cp311-cp311-win_amd64", "cp313-cp313-manylinux_2_17_x86_64",
)  # fmt: skip
_TARGETS = ("/pypi", "/simple/", "*.metadata", "/packages/*.whl", "/packages/*.tar.gz", "*")


def begin(world: World, seed: int) -> None:
    """Publish what there is at first."""
    draw = random.Random(seed)
    world.publish_setuptools_like()
    for name in NAMES:
        _publish(world, name, draw)


def change(world: World, seed: int) -> None:
    """Let one to three things happen."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 3)):
        name = draw.choice(NAMES)
        if name not in world.projects:
            _publish(world, name, draw)  # it comes back
            continue
        with suppress(KeyError):
            draw.choices(_CHANGES, _RATES)[0](world, name, draw)


def fault(world: World, seed: int) -> None:
    """Plan one fault, for a few requests or until all is healed."""
    draw = random.Random(seed)
    faults, name = world.faults, draw.choice(NAMES)
    pattern = draw.choice((*_TARGETS, f"/simple/{name}/", f"/packages/*/{name}-*"))
    times = draw.choice((1, 1, 2, 5, 20, None))
    match draw.randrange(9):
        case 0:
            faults.fail(pattern, draw.choice((400, 403, 404, 410, 429, 500, 503)), times)
        case 1:
            faults.fail(pattern, draw.choice(("drop", "truncate")), times)
        case 2:
            faults.fail(pattern, "slow", times or 9, seconds=draw.choice((0.05, 0.3)))
        case 3:
            faults.fail(pattern, "hang", 1)
        case 4:
            faults.corrupt(pattern, times)
        case 5:
            body, kind = draw.choice(_LIES)
            headers = {"Content-Type": kind, "X-PyPI-Last-Serial": str(world.serial)}
            faults.body(pattern, body, times, headers=headers)
        case 6:
            draw.choice((faults.stale, faults.stuck))(name, times)
        case 7:
            faults.random(seed, draw.choice((0.02, 0.1, 0.3)))
        case _:
            _switch(world, draw)


def tell(world: World) -> None:
    """Write a row for each project, so that each is asked for again."""
    for name in list(world.projects):
        world.role_change(name)


def _switch(world: World, draw: random.Random) -> None:
    """Take away a part of the protocol."""
    which = draw.choice(("simple_json", "json_api", "xmlrpc", "etags", "ranges"))
    setattr(world.faults, which, not getattr(world.faults, which))


def _publish(world: World, name: str, draw: random.Random) -> None:
    serial = world.serial  # no two releases of a world have the same
    version = f"{draw.choice((1, 1, 2, 2, 3))}.{serial}{draw.choice(('', '', '', 'rc1'))}"
    python = draw.choice((None, None, ">=3.8", ">=3.13"))
    if draw.random() < 0.1:
        _upload(world, name, version, draw, wheels=(), sdist=True, requires_python=python)
    else:
        tag = _TAGS[draw.random() < 0.2]
        _upload(world, name, version, draw, wheels=(tag,), requires_python=python)
    while draw.random() < 0.35:
        _add(world, name, version, draw)


def _add(world: World, name: str, version: str, draw: random.Random) -> None:
    """Upload more files of a release, which may say something else than those that it has."""
    if draw.random() < 0.25:
        kinds: dict[str, Any] = {"wheels": (), "sdist": True}
    else:
        kinds = {"wheels": draw.sample(_TAGS, draw.choice((1, 1, 2)))}
    python = draw.choice((None, None, None, ">=3.8", ">=3.13"))
    with suppress(ValueError):  # there is, or was, such a file
        _upload(world, name, version, draw, inside=python, **kinds)


def _upload(world: World, name: str, version: str, draw: random.Random, **kinds: Any) -> None:
    others = [other for other in NAMES if other != name]
    needs = draw.sample(others, draw.choice((0, 0, 1, 1, 2)))
    age = draw.choice(_AGES)
    world.publish(
        name,
        version,
        uploaded=None if age is None else _before(age),
        requires=[need + draw.choice(("", ">=1", "<3", ">=2")) for need in needs],
        extras={"fast": [draw.choice(others)]} if draw.random() < 0.2 else None,
        # What is read from a wheel by ranges is checked when it comes, so no hash may be missing:
        # where upstream states none, a corrupted answer cannot be told from another file.
        metadata=(beside := draw.random() < 0.6),
        hashes=("sha256",) if beside else draw.choice((("sha256",), ("md5",))),
        size_padding=draw.choice((10, 2_000, 60_000)),
        **kinds,
    )


def _before(seconds: int) -> str:
    return datetime.fromtimestamp(time.time() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _version(world: World, name: str, draw: random.Random) -> str:
    """A release of it. Raises KeyError if it has none."""
    versions = list(world.project(name).releases)
    if not versions:
        raise KeyError(name)
    return draw.choice(versions)


def _remove_release(world: World, name: str, draw: random.Random) -> None:
    world.remove_release(name, _version(world, name, draw))


def _add_files(world: World, name: str, draw: random.Random) -> None:
    _add(world, name, _version(world, name, draw), draw)


def _remove_file(world: World, name: str, draw: random.Random) -> None:
    version = _version(world, name, draw)
    if files := world.project(name).releases[version].files:
        world.remove_file(name, version, draw.choice(files).filename)


def _yank(world: World, name: str, draw: random.Random) -> None:
    draw.choice((world.yank, world.unyank))(name, _version(world, name, draw))


def _quarantine_release(world: World, name: str, draw: random.Random) -> None:
    which = draw.choice((world.quarantine_release, world.clear_release_quarantine))
    which(name, _version(world, name, draw))


def _state(world: World, name: str, draw: random.Random) -> None:
    draw.choice((world.archive, world.deprecate, world.unarchive))(name)


def _quarantine(world: World, name: str, draw: random.Random) -> None:
    cleared = world.project(name).status == "quarantined"
    (world.clear_quarantine if cleared else world.quarantine)(name)


def _remove_project(world: World, name: str, draw: random.Random) -> None:
    world.remove_project(name)


def _role(world: World, name: str, draw: random.Random) -> None:
    world.role_change(name)


_CHANGES: tuple[Callable[[World, str, random.Random], None], ...] = (
    _publish,
    _add_files,
    _remove_file,
    _remove_release,
    _yank,
    _quarantine_release,
    _state,
    _quarantine,
    _remove_project,
    _role,
)
_RATES = (40, 20, 6, 12, 12, 5, 6, 8, 5, 6)
