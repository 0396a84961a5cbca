"""What tests of the database itself begin with: nothing."""

import pytest


@pytest.fixture
def database(empty_database: str) -> str:
    """The URL of a database without tables, on SQLite and on PostgreSQL."""
    return empty_database
