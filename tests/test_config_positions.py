"""The line and column of every key of a JSON5 text."""

import json

import json5
from hypothesis import given, settings
from hypothesis import strategies as st

from pypisync.config.positions import positions
from tests.deep import scaled

KEYS = st.text(st.sampled_from("ab {}[],:/*'#-é"), max_size=5)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(document=DOCUMENTS, indent=st.sampled_from([None, 2]))
@settings(deadline=None, max_examples=scaled(150))
def test_positions_point_at_each_key_and_item(document: object, indent: int | None) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    text = "/* {[\"' */" + text + "// ]}"
    lines = text.split("\n")
    found = positions(text)
    expected = set(paths(document, ()))
    assert set(found.places) == expected
    assert found.repeated == ()
    for path in expected:
        line, column = found.of(path)
        rest = lines[line - 1][column - 1 :]
        if isinstance(path[-1], str):
            assert rest.startswith(json.dumps(path[-1], ensure_ascii=False))
        else:
            value = document
            for step in path:
                value = value[step]  # type: ignore[index]
            start = json.dumps(value, indent=indent, ensure_ascii=False).split("\n")[0]
            assert rest.startswith(start)


def paths(value: object, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    steps = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for step, inner in steps:
        found += [(*path, step), *paths(inner, (*path, step))]
    return found


def test_positions_in_what_json5_adds() -> None:
    text = (
        "\ufeff{ // {\r\n  a: 'x\\\n}', /* , */ \u2028 'b\"': [+1, .5, Infinity,], $_c: {}, a: 2 }"
    )
    assert json5.loads(text.removeprefix("\ufeff"))["a"] == 2
    found = positions(text)
    assert found.places == {
        ("a",): (4, 38),
        ('b"',): (4, 2),
        ('b"', 0): (4, 9),
        ('b"', 1): (4, 13),
        ('b"', 2): (4, 17),
        ("$_c",): (4, 29),
    }
    assert found.repeated == ((("a",), (4, 38)),)
    assert found.of(('b"', 2, "deeper")) == (4, 17)
    assert found.of(("no such key",)) == (1, 1)
