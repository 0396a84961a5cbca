"""Proven pins as files that installers read.

``requirements.txt`` with a hash of every listed file of a release, for ``--require-hashes``, and
``pylock.toml`` (PEP 751, version 1.0). Where the files are to be had is the caller's business.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import quote

from packaging.specifiers import SpecifierSet

from pypisync.core.environments.proof_targets import ProofTarget
from pypisync.core.resolve.index import ListedFile
from pypisync.core.resolve.prover import Pin


def requirements_txt(pins: Sequence[Pin]) -> Iterator[str]:
    """Lines of a requirements file; each release with the hashes of all its files."""
    for pin in pins:
        release = pin.usable.release
        hashes = sorted({file.sha256 for file in release.files})
        parts = [f"{pin.name}=={release.version}", *(f"--hash=sha256:{h}" for h in hashes)]
        yield " \\\n    ".join(parts)


def pylock_toml(pins: Sequence[Pin], target: ProofTarget, files: str) -> Iterator[str]:
    """Lines of a ``pylock.toml`` for one target; ``files``: the URL above ``packages/``."""
    minor = target.environment["python_version"]
    yield 'lock-version = "1.0"'
    yield 'created-by = "pypisync"'
    yield f"requires-python = {_text(f'=={minor}.*')}"
    yield f"environments = [{_text(_marker(target))}]"
    yield "packages = []" if not pins else ""
    for pin in pins:
        release = pin.usable.release
        yield "[[packages]]"
        yield f"name = {_text(pin.name)}"
        yield f"version = {_text(release.version)}"
        if python := pin.usable.file.requires_python:
            yield from _requires_python(python)
        for file in release.files:
            if file.tags is None:
                yield f"sdist = {_file(file, files)}"
        wheels = [file for file in release.files if file.tags is not None]
        if wheels:
            yield "wheels = ["
            yield from (f"    {_file(file, files)}," for file in wheels)
            yield "]"
        yield ""


def _requires_python(text: str) -> Iterator[str]:
    # Installers ignore what is no specifier; a lock file must not have it.
    with suppress(ValueError):
        yield f"requires-python = {_text(str(SpecifierSet(text)))}"


def _marker(target: ProofTarget) -> str:
    names = ("sys_platform", "platform_machine", "implementation_name")
    return " and ".join(f"{name} == '{target.environment[name]}'" for name in names)


def _file(file: ListedFile, files: str) -> str:
    url = f"{files.rstrip('/')}/{quote(file.path)}"
    return (
        f"{{ name = {_text(file.filename)}, url = {_text(url)}, size = {file.size},"
        f" hashes = {{ sha256 = {_text(file.sha256)} }} }}"
    )


def _text(text: str) -> str:
    """A basic string of TOML; JSON escapes what TOML does, but for one character."""
    return json.dumps(text).replace("\x7f", "\\u007f")
