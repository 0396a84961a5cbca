"""What templates make of values that are not well meant."""

from markupsafe import Markup

from pypisync.web.browse.render import environment, web


def shown(value: object) -> str:
    return environment().from_string("{{ value }}").render(value=value)


def test_no_text_turns_what_stands_beside_it() -> None:
    for mark in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        assert shown(f"a{mark}b") == "ab"


def test_all_other_text_stays_and_is_escaped() -> None:
    assert shown("\u05d0\u05d1 caf\u00e9\n<b>") == "\u05d0\u05d1 caf\u00e9\n&lt;b&gt;"
    assert shown(7) == "7"
    assert shown(Markup("<b>")) == "<b>"


def test_only_addresses_of_the_web_are_links() -> None:
    for url in ("https://a.example/x", "http://a.example"):
        assert web(url) == url
    for url in ("javascript:alert(1)", "http:", "http://[", "http://[::1", "//a.example", ""):
        assert web(url) == "", url
