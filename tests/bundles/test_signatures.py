"""Who has to have signed a bundle, and what others can check."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pypisync.cli.app import app
from pypisync.core.bundles import signatures
from pypisync.core.bundles.signatures import SigningKey, Trust, TrustedKey
from pypisync.errors import BundleError, ConfigError, PypiSyncError
from pypisync.storage import keys
from tests.bundles.links import Link, everything
from tests.cli.running import configure, invoke
from tests.sim.world import World

DAY = 86400.0
Pair = tuple[SigningKey, TrustedKey]


def pair(name: str, expires: float | None = None) -> Pair:
    private, public = signatures.make()
    identity = signatures.identity(public, name)
    return SigningKey(name, private), TrustedKey(name, identity, public, expires)


def signed(link: Link, *signing: SigningKey) -> Path:
    link.keys = signing
    made = link.export(None)
    assert made is not None
    return made[0]


def refused(link: Link, made: Path, trust: Trust, why: str) -> None:
    """The bundle is refused for this reason, by its name, and nothing changes."""
    link.trust = trust
    before = everything(link.inside)
    with pytest.raises(BundleError, match=why) as caught:
        link.import_(made)
    assert made.name in str(caught.value)
    assert everything(link.inside) == before


def test_one_of_several_trusted_keys_is_enough(link: Link) -> None:
    old, new, other = pair("old"), pair("new"), pair("other")
    made = signed(link, new[0])
    refused(link, made, Trust(), "no key is trusted here")
    refused(link, made, Trust(unsigned=True), "no key is trusted here")
    refused(link, made, Trust((old[1],)), "0 of 1.*none of old.*is not trusted here")
    refused(link, made, Trust((other[1], old[1])), "none of other")
    link.trust = Trust((old[1], new[1]))  # as while keys are rotated
    link.import_(made)
    link.check()


def test_an_expired_key_does_not_count(link: Link) -> None:
    key = pair("year", expires=link.inside.clock + DAY)
    made = signed(link, key[0])
    link.inside.clock += 2 * DAY
    refused(link, made, Trust((key[1],)), "year .* has expired on 1970-01-13")
    link.inside.clock -= 2 * DAY
    link.import_(made)


def test_old_bundles_in_the_folder_may_be_of_keys_that_are_dropped(
    link: Link, world: World
) -> None:
    old, new = pair("old"), pair("new")
    signed(link, old[0])
    link.trust = Trust((old[1],))
    link.import_(link.media)
    world.publish("app", "2.0")
    link.outside.sync()
    link.keys, link.trust = (new[0],), Trust((new[1],))
    made = link.made()
    link.import_(link.media)
    link.check()
    world.publish("app", "3.0")
    link.outside.sync()
    link.keys = (old[0],)
    made = link.made()
    with pytest.raises(BundleError, match=f"{made.name}: 0 of 1"):
        link.import_(link.media)


def test_a_threshold_counts_different_keys(link: Link) -> None:
    first, second, third = pair("first"), pair("second"), pair("third")
    trust = Trust((first[1], second[1], third[1]), threshold=2)
    made = signed(link, first[0])
    refused(link, made, trust, "1 of 2 signatures")
    data = made.read_bytes()
    identity, signature = signatures.sign(first[0].private, data, "first")
    keys.signature_file(made, third[1].identity).write_bytes(signature)  # said to be another's
    refused(link, made, trust, r"1 of 2 signatures.*third .* is not of these bytes")
    identity, signature = signatures.sign(third[0].private, data, "third")
    keys.signature_file(made, identity).write_bytes(signature)
    link.trust = trust
    link.import_(made)
    link.check()


def test_a_changed_manifest_is_not_what_was_signed(link: Link) -> None:
    key = pair("key")
    made = signed(link, key[0])
    made.write_bytes(made.read_bytes().replace(b'"files": 2', b'"files": 3'))
    refused(link, made, Trust((key[1],)), "is not of these bytes")


def test_unsigned_takes_both_sides(link: Link) -> None:
    key = pair("key")
    made = signed(link)
    refused(link, made, Trust((key[1],)), "not signed")
    refused(link, made, Trust(), "not signed")
    link.trust = Trust(unsigned=True)
    link.import_(made)


def test_keys_on_the_command_line(link: Link, tmp_path: Path) -> None:
    """Made by ``keys make``, used by ``export``, ``keys sign`` and ``import``, seen by openssl."""
    outside = configure(tmp_path, packages={"app": ["latest"]}, bundles={"sign": ["a.key"]})
    shutil.move(link.outside.folder, tmp_path / "data")
    shutil.move(tmp_path / "data" / "catalog.sqlite", tmp_path / "data.sqlite")
    for name in ("a", "b"):
        assert run("make", str(tmp_path / name)) == 0
    assert run("make", str(tmp_path / "a")) == 2  # a key is never written over
    (tmp_path / "c.pub").touch()
    assert run("make", str(tmp_path / "c")) == 2
    assert not (tmp_path / "c.key").exists()
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    media = tmp_path / "media"
    done = invoke(outside, "export", "--to", str(media), "--full")
    assert (done.code, done.err) == (0, "")
    (manifest,) = media.glob("*.json")

    trusted = {name: {"key": f"../{name}.pub"} for name in ("a", "b")}
    inside = configure(tmp_path / "in", bundles={"trusted": trusted, "threshold": 2})
    done = invoke(inside, "import", str(media))
    assert (done.code, "1 of 2 signatures" in done.err) == (5, True)
    assert run("sign", str(manifest), str(tmp_path / "b.key")) == 0
    assert invoke(inside, "import", str(media)).code == 0

    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    for name in ("a", "b"):
        public = tmp_path / f"{name}.pub"
        identity = signatures.identity(public.read_bytes(), name)
        signature = keys.signature_file(manifest, identity)
        words: list[str | Path] = [program, "pkeyutl", "-verify", "-pubin", "-inkey", public]
        words += ["-rawin", "-in", manifest, "-sigfile", signature]
        subprocess.run(words, check=True, capture_output=True)


def run(*words: str) -> int:
    result = CliRunner().invoke(app, ["keys", *words])
    if isinstance(result.exception, PypiSyncError):
        return result.exception.exit_code
    return result.exit_code


def test_a_key_of_the_other_half_is_told() -> None:
    private, public = signatures.make()
    with pytest.raises(ConfigError, match=r"ours\.pub: this is a public key"):
        signatures.sign(public, b"data", "ours.pub")
    with pytest.raises(ConfigError, match=r"ours\.key: this is a private key"):
        signatures.identity(private, "ours.key")
