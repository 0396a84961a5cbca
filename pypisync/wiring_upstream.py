"""Opens the indexes that the configuration names, as one upstream."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pypisync.config.indexes import IndexConfig
from pypisync.config.load import Config
from pypisync.core.standards.metadata import Metadata, read_metadata
from pypisync.errors import ConfigError
from pypisync.upstream.api import Index, Upstream
from pypisync.upstream.certificates import authorities_fault, client_fault
from pypisync.upstream.client import HttpUpstream
from pypisync.upstream.credentials import from_file
from pypisync.upstream.faults import Told
from pypisync.upstream.indexes import Indexes
from pypisync.upstream.routes import Settings

if TYPE_CHECKING:
    from pypisync.config.index_keys import UpstreamKeys


def open_upstream(
    config: Config, stop: Callable[[], bool], told: Told = lambda *_: None
) -> Upstream:
    """Returns the client for the configured indexes; ``told`` is told whom it waits for.

    Raises ConfigError for credentials without sense.
    """
    endpoint = HttpUpstream(_settings(config), stop=stop, told=told)
    if not config.indexes:
        return endpoint
    others = [_open_index(config, index, stop, told) for index in config.indexes]
    return Indexes([*others, endpoint], config.assignment)


def check_upstream(config: Config) -> None:
    """Raises ConfigError if an address, or a file that is named for an index, cannot be used."""
    open_upstream(config, lambda: False).close()
    if faults := list(unusable(config)):
        raise ConfigError(faults)


def unusable(config: Config) -> Iterator[str]:
    """Yields what is wrong with the files that are named for indexes, in the words of a run.

    Credentials that cannot be read may be there for the service alone.
    """
    asked: list[tuple[str, UpstreamKeys | IndexConfig]] = [("upstream", config.upstream)]
    asked += [(f"indexes[{number}]", one) for number, one in enumerate(config.indexes)]
    for key, one in asked:
        if one.ca_file and (fault := authorities_fault(one.ca_file)):
            yield f"{key}.ca_file: {fault}"
        if one.client_cert and (fault := client_fault(one.client_cert, one.client_key)):
            yield f"{key}.client_cert: {fault}"
        if one.credentials_file and os.access(one.credentials_file, os.R_OK):
            try:
                from_file(Path(one.credentials_file))
            except ConfigError as error:
                yield f"{key}.credentials_file: {error}"


def _open_index(config: Config, index: IndexConfig, stop: Callable[[], bool], told: Told) -> Index:
    if index.folder is not None:
        from pypisync.upstream.folder import FolderUpstream

        return FolderUpstream(index.name, index.folder, described)
    root = index.address or ""
    # PyPI and those like it have their other APIs beside the simple index.
    beside = root.removesuffix("/simple")
    settings = replace(
        _settings(config),
        endpoint=beside,
        root=root,
        has_api=beside != root,
        feed=None,
        ca_file=index.ca_file or config.upstream.ca_file,
        credentials=from_file(index.credentials_file) if index.credentials_file else None,
        client_cert=index.client_cert,
        client_key=index.client_key,
    )
    return HttpUpstream(settings, name=index.name, stop=stop, told=told)


def described(path: Path) -> Metadata | None:
    """Returns what a wheel or an sdist says of itself; None: an sdist that says nothing.

    Raises Malformed, ValueError.
    """
    # Most cycles open no archive, and need not wait for what does.
    from pypisync.storage import archives

    if path.name.endswith(".whl"):
        return read_metadata(archives.wheel_metadata(path))
    inside = archives.sdist_facts(path).pkg_info
    return None if inside is None else read_metadata(inside, sdist=True)


def _settings(config: Config) -> Settings:
    asked = config.upstream
    return Settings(
        endpoint=config.endpoint,
        workers=asked.workers,
        timeout=asked.timeout,
        retries=asked.retries,
        proxy=asked.proxy,
        ca_file=asked.ca_file,
        credentials=from_file(Path(asked.credentials_file)) if asked.credentials_file else None,
        client_cert=asked.client_cert,
        client_key=asked.client_key,
        contact=asked.contact,
        pace=asked.pace,
        feed=asked.feed,
    )
