"""Requirements files: pip's lines, pip's options, and what a mirror cannot serve."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.exceptions import PipError
from pip._internal.req import req_file

from pypisync.core.wanted.groups import Group, Locked, TextFile
from pypisync.core.wanted.requirements_txt import decode, logical_lines, parse
from pypisync.core.wanted.roots import NamedFile

A, B = "a" * 64, "b" * 64


def read(
    text: str, others: Mapping[str, str] | None = None, *, resolve: bool = True
) -> tuple[Group, list[str]]:
    """The group and the faults of a file "f" beside which there are others."""

    def include(path: str, by: TextFile) -> TextFile:
        if others is None or path not in {"f", *others}:
            raise ValueError("no such file")
        return TextFile(path, path, text if path == "f" else others[path])

    group, found = parse("f", TextFile("f", "f", text), include, resolve=resolve)
    assert (group.name, group.resolve) == ("f", resolve)
    return group, [str(fault) for fault in found.faults]


def texts(text: str, others: Mapping[str, str] | None = None) -> list[str]:
    group, faults = read(text, others)
    assert faults == []
    return [one.text for one in group.requirements]


# The examples of pip's user guide and reference, and what else is seen in such files.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# nothing\n\n   \n", []),
        ("pytest\npytest-cov\nbeautifulsoup4\n", ["pytest", "pytest-cov", "beautifulsoup4"]),
        ("docopt == 0.6.1\r\n", ["docopt == 0.6.1"]),
        ("requests [security] >= 2.8.1, == 2.8.* ; python_version < '2.7'",
         ["requests [security] >= 2.8.1, == 2.8.* ; python_version < '2.7'"]),
        ("keyring >= 4.1.1            # Minimum version 4.1.1", ["keyring >= 4.1.1"]),
        ("coverage != 3.5 # because\n#numpy\nMopidy-Dirble ~= 1.1",
         ["coverage != 3.5", "Mopidy-Dirble ~= 1.1"]),
        ("six\\\n>=1.2\\\n\n", ["six>=1.2"]),
        ("six>=1.2,\\\n  <2 # c \\\nflask\nclick", ["six>=1.2,  <2", "click"]),
        ("six \\\n# a comment ends it\n>=1", None),
        ("six\\", ["six"]),
        ("a#b", None),
        ("a\t#b", ["a"]),
        ("rejected ; sys_platform == 'win32'  --hash=sha256:" + A,
         ["rejected ; sys_platform == 'win32'"]),
        ("flask --config-settings \"--x=y z\" -C a=b", ["flask"]),
        ("\u2028flask\x0cwerkzeug", ["flask", "werkzeug"]),
        ("Straße", None),
        ("a===1.0", ["a===1.0"]),
        ("a (>=1)", ["a (>=1)"]),
    ],
)  # fmt: skip
def test_lines(text: str, expected: list[str] | None) -> None:
    if expected is None:
        assert read(text)[1]
    else:
        assert texts(text) == expected


PIECES = st.sampled_from(
    ["a", "==1", " ", "  ", "\t", "\\", "\\\n", "\n", "#", " #", "\\\\\n", "'", "\r\n", "\x0c"]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_lines_are_those_of_pip(text: str) -> None:
    assert list(logical_lines(text)) == list(req_file.preprocess(text))


WORDS = st.sampled_from(
    ["a", ">=1", "--pre", "-r", "x", "-rx", "--req", "--requirement=x", "-c", "--cons", "-e", "-ex",
     "--hash=sha256:" + A, "--hash", "sha256:" + B, "-i", "http://h", "--no-binary", ":all:", "-z",
     "--pypi-url", "--index", "--no", "'a b'", "-C", "k=v", "--use-feature=x", "-", "--", '"']
)  # fmt: skip


@given(st.lists(WORDS, min_size=1, max_size=4).map(" ".join))
def test_options_are_those_of_pip(line: str) -> None:
    """What pip refuses is a fault; what pip takes for a requirement or an include is one here."""
    ours, faults = read(line, {"x": "from-x"})
    try:
        args, options = req_file.get_line_parser(None)(line)
    except req_file.OptionParsingError as error:
        # The values of options that have no effect here are not looked at.
        if any(word in error.msg for word in ("no such", "ambiguous", "requires", "split")):
            assert faults, line
        return
    except (ValueError, PipError):  # the value of an option that is not looked at here
        return
    if not args and (options.requirements or options.constraints) and not options.editables:
        path = (options.requirements or options.constraints)[0]
        if path == "x":
            found = ours.requirements or ours.constraints
            assert [one.text for one in found] == ["from-x"], line
            assert bool(ours.requirements) == bool(options.requirements), line
    elif args and not faults:
        assert [one.text for one in ours.requirements] == [args.strip()], line
    assert not (options.editables and not args) or faults, line


def test_includes_and_constraints() -> None:
    others = {
        "base.txt": "flask\n-c limits.txt\n",
        "limits.txt": "flask<3\nwerkzeug<3 ; python_version < '3.9'\n-r more.txt",
        "more.txt": "click\n",  # as with pip: "-r" makes requirements again
    }
    group, faults = read("-r base.txt\n-c limits.txt\n--requirement=more.txt\ndjango", others)
    assert faults == []
    assert [one.text for one in group.requirements] == ["flask", "click", "django"]
    constraints = [(one.name, one.specifier, one.marker) for one in group.constraints]
    assert constraints == [("flask", "<3", ""), ("werkzeug", "<3", 'python_version < "3.9"')]


def test_a_file_is_a_constraint_and_a_requirement() -> None:
    group, faults = read("-r x\n-c x\n-r x", {"x": "flask"})
    assert (faults, len(group.requirements), len(group.constraints)) == ([], 1, 1)


def test_includes_do_not_loop() -> None:
    others = {"b": "-r c\nsix", "c": "x\n-c f\n-r b\n"}
    _, faults = read("-r b\n-r f", others)
    assert faults == [
        'c:2: "f": includes itself; a file may include others only',
        'c:3: "b": includes itself; a file may include others only',
        'f:2: "f": includes itself; a file may include others only',
    ]


def test_includes_are_bounded() -> None:
    deep = {f"d{i}": f"-r d{i + 1}" for i in range(50)}
    _, (fault,) = read("-r d0", deep)
    assert fault == 'd18:1: "d19": too many includes: 20 files deep and 500 files at most'
    wide = {f"w{i}": "" for i in range(600)}
    _, faults = read("\n".join(f"-r w{i}" for i in range(600)), wide)
    assert len(faults) == 101
    # Each twice as many as the one before, if files were read again and again.
    twice = {f"t{i}": f"-r t{i + 1}\n-r t{i + 1}" for i in range(18)} | {"t18": "six"}
    assert texts("-r t0", twice) == ["six"]


NO_SOURCE = "an index serves no paths, addresses or checkouts: name the project and its versions"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e .", NO_SOURCE),
        ("--editable git+https://h/x.git#egg=x", NO_SOURCE),
        ("./downloads/numpy-1.9.2-cp34-none-win32.whl", NO_SOURCE),
        ("numpy-1.9.2-cp34-none-win32.whl", NO_SOURCE),
        ("pkg.tar.gz ; python_version > '3'", NO_SOURCE),
        ("http://wxpython.org/x.whl", NO_SOURCE),
        ("git+ssh://git@h/x@main", NO_SOURCE),
        ("urllib3 @ https://u:geheim@h/u.zip", NO_SOURCE),
        ("..", NO_SOURCE),
        ("file:///x", NO_SOURCE),
        ("-r http://h/r.txt", "no such file"),
        ("-r missing.txt", "no such file"),
        ("-r ${HOME}/x.txt", "environment variables are not put in here"),
        ("six==${SIX}", "environment variables are not put in here: write the value"),
        ("six<1,>2", "can match no version: its conditions exclude each other"),
        ("six --hash=md5:00", "a hash is sha256:, sha384: or sha512: and hexadecimal digits"),
        ("six --hash=sha256:00", "a hash is sha256:, sha384: or sha512: and hexadecimal digits"),
        ("six --hash sha256", "a hash is sha256:, sha384: or sha512: and hexadecimal digits"),
        ("--unknown", "no such option: --unknown; allowed are pip's own options"),
        ("six --install-option=x", "no such option: --install-option; allowed are pip's own opt"),
        ("--require", "ambiguous option: --require (--require-hashes, --requirement?); allowed ar"),
        ("--pre=1", "--pre option does not take a value; allowed are pip's own options"),
        ("--hash", "--hash option requires 1 argument; allowed are pip's own options"),
        ("-r 'x", "No closing quotation; allowed are pip's own options"),
        ("six; python == '3'", ""),
        ("six; os_name == 'x'" + " or os_name == 'y'" * 600, "characters, more than 10000"),
        ("six; " + "(" * 5000, ""),
        ("six; python_version >= '" + "1" * 70_000 + "'", "longer than 64000 characters; a requi"),
        ("six>=", ""),
        ("=1", ""),
    ],
)
def test_faults(line: str, why: str) -> None:
    _, (fault,) = read(f"# first\n\n{line}\n")
    assert fault.startswith("f:3: ")
    assert why in fault
    assert "geheim" not in fault
    assert len(fault) < 400


def test_all_faults_at_once() -> None:
    others = {"c": "flask[x]\n-e .\nsix"}
    _, faults = read("-c c\n.\nsix\n./y\n--what", others)
    assert [fault.partition(": ")[0] for fault in faults] == ["c:1", "c:2", "f:2", "f:4", "f:5"]
    assert 'c:1: "flask[x]": a constraint has no extras' in faults


@pytest.mark.parametrize("line", ["six\x1b[2J\x9b;", "--index\x8aur", "six --what\x1b[2J"])
def test_a_fault_steers_no_terminal(line: str) -> None:
    _, (fault,) = read(line)
    assert fault.isprintable()


def test_lines_that_contradict_each_other() -> None:
    _, faults = read("a<1\nb\na>2\n-c c", {"c": "b<1\nb>3\na"})
    assert faults == [
        'f:3: "a>2": can match no version together with f:1, c:3',
        'c:2: "b>3": can match no version together with f:2, c:1',
    ]
    # What a marker parts may differ.
    assert texts("a<1 ; sys_platform == 'win32'\na>2 ; sys_platform != 'win32'")
    _, (fault,) = read("a!=1\n" * 300)
    assert fault == 'f:201: "a!=1": more than 200 lines on one project'


def test_what_has_no_effect_is_noted() -> None:
    text = (
        "-i https://u:geheim@h/simple\n--extra-index-url https://h\n--no-index\n-f ./links\n"
        "--trusted-host h --pre\n--no-binary :all:\n--prefer-binary\n--require-hashes\n"
        f"--hash=sha256:{A}\nsix --use-feature=x\n"
    )
    group, faults = read(text)
    assert faults == []
    assert group.notes == (
        "f:1: --index-url is ignored",
        "f:2: --extra-index-url is ignored",
        "f:3: --no-index is ignored",
        "f:4: --find-links is ignored",
        "f:5: --trusted-host is ignored",
        "f:5: --pre is ignored",
        "f:6: --no-binary is ignored",
        "f:7: --prefer-binary is ignored",
        "f:8: --require-hashes is ignored",
        "f:9: --hash without a requirement is ignored",
        "f:10: --use-feature is ignored",
    )


def test_exactly() -> None:
    text = (
        f"Six==1.16.0 ; os_name == 'nt' \\\n  --hash=sha256:{B} \\\n  --hash sha256:{A.upper()}\n"
        "flask[async]===3.0\nsix==1.16 --hash=sha384:00 --hash=sha256:" + A + "\nsix==1.15\n-c c"
    )
    group, faults = read(text, {"c": "six<1"}, resolve=False)
    assert faults == []
    assert (group.requirements, group.constraints, group.resolve) == ((), (), False)
    b, a = NamedFile(sha256=B), NamedFile(sha256=A)
    assert group.locked == (
        Locked("flask", "3.0"),
        Locked("six", "1.15"),
        Locked("six", "1.16", (a,)),
        Locked("six", "1.16.0", (b, a)),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("six", "pins each line: name==version"),
        ("six>=1", "pins each line: name==version"),
        ("six==1.*", "pins each line: name==version"),
        ("six==1,!=1.1", "pins each line: name==version"),
        ("six===first", "pins each line: name==version"),
        ("six==1 --hash=sha512:00", "are named by --hash=sha256:..."),
    ],
)
def test_exactly_needs_pins(line: str, why: str) -> None:
    _, (fault,) = read(line, resolve=False)
    assert why in fault


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"six", "six"),
        ("größe".encode("utf-8-sig"), "größe"),
        ("größe".encode("utf-16"), "größe"),  # what PowerShell writes
        (b"\xfe\xff" + "größe".encode("utf-16-be"), "größe"),
        ("größe".encode("utf-32"), "größe"),
        ("# -*- coding: latin-1 -*-\nö".encode("latin-1"), "# -*- coding: latin-1 -*-\nö"),
        ("#!x\n# coding=UTF_8\nö".encode(), "#!x\n# coding=UTF_8\nö"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"six\n# \xf6\n", "line 2 is not UTF-8 text; save the file as UTF-8"),
        (b"\xff\xfea", "line 1 is not utf-16-le text"),
        (b"# coding: hex\n00", "its encoding is hex; save the file as UTF-8"),
        (b"# coding: rot13\n00", "its encoding is rot13; save the file as UTF-8"),
    ],
)
def test_encodings_that_are_not_read(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode(data)


def test_large_files() -> None:
    hashes = " \\\n".join(f"  --hash=sha256:{i:064x}" for i in range(2000))
    group, faults = read(f"six==1 \\\n{hashes}\n", resolve=False)
    assert faults == []
    assert len(group.locked[0].files) == 2000
    many = "\n".join(f"p{i}" for i in range(49_999))
    assert read(f"{many}\n-c limits", {"limits": "six<2"})[1] == []
    _, (fault,) = read(f"{many}\n-c limits", {"limits": "six<2\nseven<2"})
    assert fault == 'f:1: "f": has more than 50000 requirements'
    # White space that a regular expression would go over again and again.
    assert len(list(logical_lines(" " * 1_000_000 + "x" + "\t" * 1_000_000 + "#"))) == 1


def test_every_fault_of_a_file_is_told_and_the_rest_is_read() -> None:
    text = "--nonsense\na\nb --hash=sha512:xyz\n-e .\n--index-url https://h/simple\nc>=1,<1\nd\n"
    group, faults = read(text)
    assert [one.split(":")[1] for one in faults] == ["1", "3", "4", "6"]
    assert [one.text for one in group.requirements] == ["a", "b", "d"]
    assert group.notes == ("f:5: --index-url is ignored",)
