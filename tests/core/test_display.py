"""What values mean, and what is never shown of them."""

import pytest

from pypisync.core.display import masked, show_duration


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@host/a", "https://***@host/a"),
        ("https://host/simple?token=secret", "https://host/simple?***"),
        ('"https://me:se@cret@host?x=secret#secret": no', '"https://***@host?***": no'),
        ("HTTPS://host#secret and more", "HTTPS://host#*** and more"),
        ("postgresql://u@h/db?password=secret&x=1", "postgresql://***@h/db?password=***&x=1"),
        ("https://me:two\nlines@host/a", "https://***@host/a"),
        ("http://a?x=1 https://b?y=2", "http://a?*** https://b?***"),
        ('Passwd=one&PWD=two password=three"', 'Passwd=***&PWD=*** password=***"'),
        ("https://host/a", "https://host/a"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1, "1 second"), (30, "30 seconds"), (60, "1 minute"), (61, "61 seconds")],
)
def test_what_is_counted_agrees_with_one(seconds: int, shown: str) -> None:
    assert show_duration(seconds) == shown
