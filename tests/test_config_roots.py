"""A configuration must ask for something."""

from pathlib import Path

import pytest

from tests.test_config import faults


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{}", "f:1:1: packages: {}"),
        ("{\n  packages: {},\n packages_re: {}, requirements: [] }", "f:2:3: packages: {}"),
        ("{ packages: { a: [] } }", 'f:1:3: packages: {"a": []}'),
        ('{ requirements: ["empty.txt", "uv.lock"] }', "f:1:1: packages: {}"),
    ],
)
def test_a_configuration_without_a_root_is_a_fault(tmp_path: Path, text: str, place: str) -> None:
    said = "nothing is asked for, and a sync would empty the mirror; name projects in packages"
    for name in ("empty.txt", "uv.lock"):
        (tmp_path / name).write_text("" if name == "empty.txt" else "version = 1\n")
    assert faults(tmp_path, text) == [f"{place}: {said}"]
