"""``keys``: made, shown, and used to sign a bundle once more."""

from pathlib import Path
from typing import Annotated

import typer

from pypisync.cli.exits import told
from pypisync.errors import BundleError

app = typer.Typer(name="keys", help="Keys that bundles are signed with.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Work with keys."""


@app.command(epilog=told("keys make"))
def make(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to write FILE.key and FILE.pub.")
    ],
) -> None:
    """Make a pair of keys (Ed25519, as PEM).

    FILE.key signs: name it in "bundles.sign" where bundles are exported, and show it nobody.
    FILE.pub is carried inside and named in "bundles.trusted" there.
    """
    from pypisync.core.bundles import signatures
    from pypisync.storage import keys

    private, public = signatures.make()
    places = keys.write_pair(file, private, public)
    identity = signatures.identity(public, str(places[1]))
    typer.echo(f"{places[0]}: the private key {identity}, for those who export")
    typer.echo(f"{places[1]}: its public part, for those who import")


@app.command(epilog=told("keys show"))
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A private or public key.")],
) -> None:
    """Show what a key is called in the names of signatures."""
    from pypisync.core.bundles import signatures
    from pypisync.storage import keys

    data = keys.read(file)
    if b"PRIVATE KEY" in data:
        data = signatures.public_of(data, str(file))
    typer.echo(signatures.identity(data, str(file)))


@app.command(epilog=told("keys sign"))
def sign(
    bundle: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="The manifest of a signed bundle.")
    ],
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The private key.")],
) -> None:
    """Sign a bundle with another key, where the inside wants several.

    The signature is written beside the manifest. Look at what is in the bundle before.
    """
    from pypisync.core.bundles import signatures
    from pypisync.storage import disk, keys, parts

    manifest, data = parts.read_manifest(bundle)
    if not manifest.signed:
        raise BundleError(f"{bundle.name}: it says that it is not signed: export it with a key")
    identity, signature = signatures.sign(keys.read(key), data, str(key))
    place = keys.signature_file(bundle, identity)
    disk.write(place, signature)
    typer.echo(f"{place}: the signature of {identity}")
