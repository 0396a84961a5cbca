"""Database URLs, as SQLAlchemy spells them."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")


def parse(text: str) -> URL:
    """Returns the URL that ``text`` spells. Raises ValueError if it names no database to keep."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is not None and url.drivername == "postgres":
        raise ValueError('must begin with "postgresql://", which SQLAlchemy asks for')
    if url is not None and (url.database or "").startswith("file:"):
        raise ValueError("must name a file by its path: it cannot be a URI of SQLite")
    # A database in memory would forget what is on disk.
    if url is None or url.drivername not in _DRIVERS or url.database in (None, "", ":memory:"):
        raise ValueError(
            'must be a SQLAlchemy URL that names a database, such as "sqlite:///mirror.sqlite" '
            'or "postgresql://user@host/mirror"'
        )
    return url


def absolute(text: str, base: Path) -> str:
    """Returns the same URL; the relative path of an SQLite file counts from ``base``."""
    url = parse(text)
    name = url.database
    if url.get_backend_name() == "sqlite" and name:
        url = url.set(database=str((base / name).resolve()))
    return url.render_as_string(hide_password=False)


def shown(text: str) -> str:
    """Returns the same URL without its password, for people to read."""
    url = parse(text)
    secret = [name for name in url.query if "password" in name.lower()]
    return url.difference_update_query(secret).render_as_string(hide_password=True)
