"""At which entry_points.txt each installer stops, and what it is told to be."""

import pytest

from pypisync.core.standards.wheel_scripts import script_faults

LONG = "x" * 200


def faults(text: str | bytes) -> tuple[str, str]:
    """What stops pip and what stops uv; "": nothing does."""
    found: dict[str, str] = {}
    data = text if isinstance(text, bytes) else text.encode()
    for by, why in script_faults(data, set()):
        assert by not in found
        begin = "its entry_points.txt"
        assert why.startswith(begin)
        found[by] = why.removeprefix(begin).removeprefix(": ")
    return found.get("pip", ""), found.get("uv", "")


def scripts(*lines: str) -> str:
    return "\n".join(("[console_scripts]", *lines))


def test_sound_ones_stop_nobody_and_their_scripts_are_told() -> None:
    names: set[str] = set()
    text = (
        "# a comment\n\n[console_scripts]\na = b:c\nd-e=f.g:h.i\n"
        "[gui_scripts]\nj = k:l\n[other]\nm = anything\n"
    )
    assert list(script_faults(text.encode(), names)) == []
    assert names == {"a", "d-e", "j"}
    assert faults("") == ("", "")
    assert faults(scripts("a = b:c [x]", "d = e:f [g,h]")) == ("", "")


def test_what_is_no_text() -> None:
    assert faults(b"[a]\nb = c\xff") == (" is not UTF-8", " is not UTF-8")


def no_function(script: str) -> str:
    return f"the script {script!r} names no function"


def brackets(script: str) -> str:
    return f"the script {script!r} has brackets that are none"


@pytest.mark.parametrize(
    ("line", "pip", "uv"),
    [
        # what each takes as a function
        ("a = b", no_function("a = b"), no_function("a = b")),
        ("a = b:c:d", no_function("a = b:c:d"), no_function("a = b:c:d")),
        ("a = b-c:d", no_function("a = b-c:d"), ""),
        ("a = b : c", no_function("a = b : c"), ""),
        ("a =", no_function("a = "), no_function("a = ")),
        ("a = b:c d", "", no_function("a = b:c d")),
        ("a = b:c [", brackets("a = b:c ["), no_function("a = b:c [")),
        ("a = b:c ]", brackets("a = b:c ]"), no_function("a = b:c ]")),
        ("a = b:c [,]", brackets("a = b:c [,]"), no_function("a = b:c [,]")),
        ("a = b:c [d=e]", "", ""),
        (f"a = {LONG}", no_function(f"a = {LONG}"[:100]), no_function(f"a = {LONG}"[:100])),
        # where the script would be
        ("../a = b:c", "the script '../a' leaves the folder",
         "the script '../a' is not right in the folder of scripts"),
        ("/a = b:c", "the script '/a' leaves the folder",
         "the script '/a' is not right in the folder of scripts"),
        (". = b:c", "the script '.' leaves the folder",
         "the script '.' is not right in the folder of scripts"),
        (".. = b:c", "the script '..' leaves the folder",
         "the script '..' is not right in the folder of scripts"),
        ("a/b = b:c", "", "the script 'a/b' is not right in the folder of scripts"),
        ("a/../b = b:c", "", ""),
        (f"../{LONG} = b:c", f"the script {'../' + LONG[:97]!r} leaves the folder",
         f"the script {'../' + LONG[:97]!r} is not right in the folder of scripts"),
        # which names are taken
        *((f"{name} = b:c", "", f"a script has the reserved name {name!r}") for name in (
            "python", "pythonw", "python3", "python3.0", "python3.99", "python3.255")),
        *((f"{name} = b:c", "", "") for name in (
            "python2", "python3.256", "python3.1000", "Python", "python3w", "ipython")),
    ],
)  # fmt: skip
def test_a_script(line: str, pip: str, uv: str) -> None:
    assert faults(scripts(line)) == (pip, uv)
    assert faults(scripts("z = b:c", line).replace("console", "gui")) == (pip, uv)
    if line.partition("=")[2].strip():  # in other sections it is no script
        assert faults(f"[other]\n{line}") == ("", "")


@pytest.mark.parametrize(
    ("text", "pip", "uv"),
    [
        ("[other]\na", "the line 'a' has no value", "the line 'a' has no value"),
        ("[other]\na =", "", ""),
        ("[other]\n= b", "", "the line '= b' has no value"),
        ("a = b", "", "the line 'a = b' is in no section"),
        (LONG, "", f"the line {LONG[:100]!r} is in no section"),
        (f"[other]\n{LONG}", f"the line {LONG[:100]!r} has no value",
         f"the line {LONG[:100]!r} has no value"),
        ("[x]\n[y]\n[x]", "", "the section 'x' is there twice"),
        (f"[{LONG}]\n[{LONG}]", "", f"the section {LONG[:100]!r} is there twice"),
        ("[x]\na = b\na = c", "", "'a' is there twice"),
        (f"[x]\n{LONG} = b\n{LONG} = c", "", f"{LONG[:100]!r} is there twice"),
        ("[x]\na = b\n[y]\na = c", "", ""),
        ("[x]\n; a", "the line '; a' has no value", ""),
        ("[x]\n# a", "", ""),
        ("[x]\na = b\n  c", "the line 'c' has no value", ""),
        ("[x]\n  c", "the line 'c' has no value", "the line 'c' has no value"),
        ("[x] y\na = b", "", ""),
        ("[x\na = b", "", "the line '[x' is in no section"),
        ("[console_scripts]\na = b\n :c", "names", ""),
        ("[x]\ra = b\r\nc = d", "", ""),
        ("[x]\na = b\x0bc", "the line 'c' has no value", ""),
    ],
)  # fmt: skip
def test_lines_and_sections(text: str, pip: str, uv: str) -> None:
    assert faults(text) == (no_function("a = b") if pip == "names" else pip, uv)
