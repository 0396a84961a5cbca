"""The configuration file: every fault at once with its place, overrides, resolved values."""

import json
import re
from pathlib import Path

import pytest

from pypisync.catalog.db import url
from pypisync.cli.configuration import TEMPLATE
from pypisync.config.load import Config, json_schema, load
from pypisync.config.schema import Document
from pypisync.core import display, values
from pypisync.core.standards import requirements
from pypisync.core.wanted import selector
from pypisync.core.wanted.groups import Group, Locked
from pypisync.core.wanted.roots import TOOLCHAIN, Origin, Package, Pattern, Root, expand
from pypisync.errors import ConfigError
from pypisync.upstream.api import DEFAULT_ENDPOINT

DEPLOY = sorted(Path(__file__).parent.parent.glob("deploy/*.json5"))
FIRST = {"3.11", "3.12", "3.13", "3.14"}  # Pythons that configurations to start with serve


def loaded(folder: Path, text: str, **environ: str) -> Config:
    """What a text means; one without a root gets one."""
    if not re.search(r"packages|requirements", text):
        text = text.replace("{", '{ packages: { a: ["latest"] }, ', 1)
    return read(folder, text, **environ)


def read(folder: Path, text: str, **environ: str) -> Config:
    file = folder / "pypisync.json5"
    file.write_text(text, encoding="utf-8")
    return load(file, environ)


def faults(folder: Path, text: str, **environ: str) -> list[str]:
    """The fault lines, with the file's name alone in place of its path."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text, **environ)
    assert str(caught.value).splitlines() == caught.value.faults
    return [line.replace(f"{folder}/pypisync.json5", "f") for line in caught.value.faults]


def test_an_empty_object_is_the_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, "{}")
    assert [root.name for root in config.packages] == ["a"]
    assert config.endpoint == DEFAULT_ENDPOINT
    assert config.destination == tmp_path / "data"
    assert config.database_url == f"sqlite:///{tmp_path}/data.sqlite"
    assert (config.patterns, config.groups, config.arch_exclude) == ((), (), ())
    assert (config.wheels, config.sdists, config.flat) == ("all", "always", False)
    assert (config.disk_reserve, config.grace, config.listen) == (2**30, 86400, None)
    upstream = config.upstream
    assert (upstream.workers, upstream.timeout, upstream.retries) == (10, 30, 4)
    assert (upstream.proxy, upstream.ca_file, upstream.contact, upstream.pace) == (
        *(None, None, None),
        1,
    )
    assert len(config.environment) == 12
    assert set(config.environment.values()) == {None}
    assert config.targets.all


def test_a_full_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    config = loaded(
        tmp_path,
        """{
          endpoint: "https://user:word@index.example/pub/",
          destination_folder: "../elsewhere",
          arch_exclude: ["win32", ".tar.gz"],
          environment: { python_version: ["3.11"], extra: ["Dev_Tools"], sys_platform: ["linux"] },
          packages: { Django: "latest<3", "requests[socks, Use_Chardet]": ["2.31.0", ">=2.32"] },
          packages_re: { "flask-.*": ["2 latest"] },
          wheels: "targets", sdists: "never", flat: true,
          upstream: { workers: 64, timeout: 2.5, retries: 0, ca_file: "ca.pem", pace: 0,
                      proxy: "http://proxy:3128", contact: "me@example.org" },
          disk_reserve: "1.5 GiB", grace: "36 h",
        }""",
    )
    assert config.endpoint == "https://user:word@index.example/pub"
    assert config.destination == tmp_path.parent / "elsewhere"
    assert config.arch_exclude == ("win32", ".tar.gz")
    assert config.environment["python_version"] == ("3.11",)
    assert config.environment["extra"] == ("dev-tools",)
    assert config.environment["os_name"] is None
    assert [target.minor for target in config.targets.all] == ["3.11"]
    parse = selector.parse_selector
    assert config.packages == (
        Package("django", (), (parse("latest<3"),), "Django"),
        Package(
            "requests",
            ("socks", "use-chardet"),
            (parse("2.31.0"), parse(">=2.32")),
            "requests[socks, Use_Chardet]",
        ),
    )
    assert config.patterns == (Pattern("flask-.*", (parse("2 latest"),)),)
    assert config.upstream.ca_file == str(tmp_path / "ca.pem")
    assert (config.upstream.workers, config.upstream.timeout) == (64, 2.5)
    assert (config.disk_reserve, config.grace) == (3 * 2**29, 36 * 3600)


WRONG = {
    name: (text, expected.splitlines())
    for name, text, expected in re.findall(
        r"^=== (.+)\n((?s:.)*?)\n---\n((?:(?!===).+\n)+)",
        Path(__file__).with_name("wrong_configurations.txt").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}


@pytest.mark.parametrize("case", WRONG)
def test_all_faults_at_once_with_place_key_value_and_what_is_allowed(
    tmp_path: Path, case: str
) -> None:
    text, expected = WRONG[case]
    assert faults(tmp_path, text) == expected


def test_requirements_become_groups(tmp_path: Path) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams/a.txt").write_text("flask[async]>2 ; os_name == 'nt'\n-c c.txt")
    (tmp_path / "teams/c.txt").write_text("click<9")
    (tmp_path / "b.txt").write_text("six==1.16")
    (tmp_path / "uv.lock").write_text("version = 1")
    text = '{requirements: ["teams/a.txt", {file: "b.txt", resolve: false}, {file: "uv.lock"}]}'
    a, b, lock = loaded(tmp_path, text).groups
    flask = requirements.parse("flask[async]>2 ; os_name == 'nt'")
    click = requirements.parse("click<9")
    assert a == Group("teams/a.txt", resolve=True, requirements=(flask,), constraints=(click,))
    assert b == Group("b.txt", resolve=False, locked=(Locked("six", "1.16"),))
    assert lock == Group("uv.lock", resolve=False)


def test_faults_in_requirements_stand_among_the_others_with_their_own_places(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("\n".join(["-e x"] * 11))
    (tmp_path / "uv.lock").write_text("version = 7")
    lines = faults(tmp_path, '{flat: 1,\n requirements: ["a.txt", "uv.lock", "b"],\n grace: -1}')
    places = [line.replace(f"{tmp_path}/", "").partition(": ")[0] for line in lines]
    assert places == [
        *("f:1:2", *(f"a.txt:{i}" for i in range(1, 12)), "uv.lock:1", "f:2:37", "f:3:2")
    ]


def test_wrong_selectors_and_names_stand_at_their_place(tmp_path: Path) -> None:
    text = (
        '{packages: {\n  django: ["latest", "latst"],\n  "-x": [],\n  "a[b": "latest",\n'
        '  b: [">2,<1"], c: "", d: [1], e: ["0 latest"] },\n'
        ' packages_re: { "f.*": ["==1.x"] }}'
    )
    lines = [line.split(": ")[:3] for line in faults(tmp_path, text)]
    assert lines == [
        ["f:2:22", "packages.django[1]", '"latst"'],
        ["f:3:3", "packages.-x", '"-x"'],
        ["f:4:3", 'packages."a[b"', '"a[b"'],
        ["f:5:7", "packages.b[0]", '">2,<1"'],
        ["f:5:17", "packages.c[0]", '""'],
        ["f:5:28", "packages.d[0]", "1"],
        ["f:5:36", "packages.e[0]", '"0 latest"'],
        ["f:6:25", 'packages_re."f.*"[0]', '"==1.x"'],
    ]


def test_an_environment_that_nothing_has_is_a_fault(tmp_path: Path) -> None:
    text = '{\n environment: {os_name: ["nt"], sys_platform: ["linux"]}, wheels: 1}'
    lines = faults(tmp_path, text)
    start = 'f:2:2: environment: {"os_name": ["nt"], "sys_platform": ["linux"]}: '
    assert lines[0].startswith(start)
    assert len(lines) == 2


def test_a_fault_shows_no_password_and_no_endless_value(tmp_path: Path) -> None:
    lines = faults(
        tmp_path,
        '{endpoint: "ftp://me:geheim@index.example", arch_exclude: "' + "x" * 500 + '"}',
    )
    assert lines[0].startswith('f:1:2: endpoint: "ftp://***@index.example": must be')
    lines += faults(tmp_path, "{databse: 'postgresql://me:" + "geheim " * 20 + "@host/db'}")
    lines += faults(tmp_path, "{database: 'postgresql:/me:ge/he\"im@host/db'}")
    lines += faults(tmp_path, '{database: "sqlite://"}')
    assert not any("geh" in line or "im@" in line for line in lines)
    assert lines[1].startswith(f'f:1:45: arch_exclude: "{"x" * 76}...: must be')


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing, latin = tmp_path / "no.json5", tmp_path / "latin.json5"
    latin.write_bytes('{\n// "straße"\n}'.encode("latin-1"))
    for file, expected in (
        (missing, f'{missing}: no such file; "pypisync init {missing}" writes one to start from'),
        (latin, f"{latin}:2: not UTF-8 text; save the file as UTF-8"),
        (tmp_path, f"{tmp_path}: cannot be read: Is a directory"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(file, {})
        assert caught.value.faults == [expected]
        assert caught.value.exit_code == 2


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert loaded(tmp_path, "\ufeff{flat: true}").flat


def test_the_environment_of_the_process_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    config = loaded(
        tmp_path,
        '{endpoint: 3, database: "sqlite:///x.db", destination_folder: "y"}',
        PYPISYNC_ENDPOINT="http://127.0.0.1:8/",
        PYPISYNC_DATABASE="sqlite:///db/a.sqlite",
        PYPISYNC_DESTINATION_FOLDER="z",
    )
    assert config.endpoint == "http://127.0.0.1:8"
    assert config.destination == here / "z"
    assert config.database_url == f"sqlite:///{here}/db/a.sqlite"
    # An empty variable is no override.
    assert loaded(tmp_path, '{destination_folder: "y"}', PYPISYNC_DESTINATION_FOLDER="") == loaded(
        tmp_path, '{destination_folder: "y"}'
    )


def test_a_wrong_override_is_named_by_its_variable(tmp_path: Path) -> None:
    lines = faults(tmp_path, "{flat: 1}", PYPISYNC_ENDPOINT="nowhere", PYPISYNC_DATABASE="x")
    assert [line.split(": ")[0] for line in lines] == [
        "PYPISYNC_DATABASE",
        "PYPISYNC_ENDPOINT",
        "f:1:2",
    ]


@pytest.mark.parametrize(
    ("given", "url", "shown"),
    [
        ("sqlite:///a/b.db", "sqlite:///{folder}/a/b.db", "sqlite:///{folder}/a/b.db"),
        ("sqlite:////abs.db", "sqlite:////abs.db", "sqlite:////abs.db"),
        (
            "postgresql://u:p%40w@db/mirror",
            "postgresql://u:p%40w@db/mirror",
            "postgresql://u:***@db/mirror",
        ),
        (
            "postgresql+psycopg:///m?host=/run/pg&password=geheim",
            "postgresql+psycopg:///m?host=%2Frun%2Fpg&password=geheim",
            "postgresql+psycopg:///m?host=%2Frun%2Fpg",
        ),
    ],
)
def test_databases(tmp_path: Path, given: str, url: str, shown: str) -> None:
    config = loaded(tmp_path, json.dumps({"database": given}))
    assert config.database_url == url.format(folder=tmp_path)
    assert config.database_shown == shown.format(folder=tmp_path)


def test_patterns_add_up_and_packages_override_them() -> None:
    latest, older = selector.parse_selector("latest"), selector.parse_selector("latest<2")
    given = [
        Package("flask-login", (), (older,), "Flask_Login"),
        Package("flask-wtf", (), (), "flask-wtf"),
        Package("flask-wtf", ("email",), (older, latest), "flask-wtf[email]"),
    ]
    patterns = [Pattern("FLASK-.*", (latest,)), Pattern(".*-admin", (older,)), Pattern("a|b", ())]
    names = ["flask-login", "flask-admin", "x-admin", "flask-wtf", "flask", "ab", "my-flask-x"]
    assert list(expand(given, patterns, names)) == [
        Root("flask-login", "latest<2"),
        Root("flask-wtf", "latest<2", ("email",)),
        Root("flask-wtf", "latest", ("email",)),
        Root("flask-admin", "latest", origin=Origin.PATTERN, source="FLASK-.*"),
        Root("flask-admin", "latest<2", origin=Origin.PATTERN, source=".*-admin"),
        Root("x-admin", "latest<2", origin=Origin.PATTERN, source=".*-admin"),
    ]


def test_the_schema_describes_every_key() -> None:
    described = json_schema()
    assert described["additionalProperties"] is False
    assert set(described["properties"]) == set(Document.model_fields)
    assert all("description" in key for key in described["properties"].values())
    objects = {
        "Block",
        "Bundles",
        "Environment",
        "Index",
        "Limits",
        "Policy",
        "RequirementsFile",
        "Trusted",
        "Upstream",
    }
    assert {one["title"] for one in described["$defs"].values()} == objects
    assert len(described["$defs"]["Environment"]["properties"]) == 12
    assert all(
        "description" in key for key in described["$defs"]["UpstreamKeys"]["properties"].values()
    )
    assert described["properties"]["disk_reserve"]["default"] == "1 GiB"
    one = {"items": {"type": "string"}, "type": "array"}
    selectors = described["properties"]["packages"]["additionalProperties"]
    assert selectors == {"anyOf": [one, {"type": "string"}]}
    json.dumps(described)


@pytest.mark.parametrize("file", DEPLOY, ids=lambda file: file.name)
def test_the_files_in_deploy_load(file: Path) -> None:
    config = load(file, {})
    assert config.targets.all
    assert config.packages


def test_the_first_mirror_serves_the_pythons_that_the_readme_names() -> None:
    """Else its own "pip install" fails on a machine whose Python is not among them."""
    [example] = [file for file in DEPLOY if file.stem == "example"]
    assert {target.minor for target in load(example, {}).targets.all} == FIRST
    assert "with Python 3.11 to 3.14." in (example.parents[1] / "README.md").read_text("utf-8")


def test_deploy_holds_what_is_promised() -> None:
    assert {file.stem for file in DEPLOY} >= {
        *("example", "small-team", "old-pythons", "newest-everything")
    }


def test_the_template_loads_and_so_does_every_line_it_comments_out(tmp_path: Path) -> None:
    config = loaded(tmp_path, TEMPLATE)
    assert [root.name for root in config.packages] == ["requests", *TOOLCHAIN]
    assert {target.minor for target in config.targets.all} == FIRST
    more = loaded(tmp_path, re.sub(r'^( +)// (")', r"\1\2", TEMPLATE, flags=re.MULTILINE))
    assert len(more.packages) == 2 + len(TOOLCHAIN)
    assert len(more.patterns) == 1


def test_a_database_in_the_folder_stays_there_and_a_new_one_is_made_beside_it(
    tmp_path: Path,
) -> None:
    """So what a plain web server serves holds none, and none is lost by a new version."""
    assert loaded(tmp_path, "{}").database_url == f"sqlite:///{tmp_path}/data.sqlite"
    there = {"destination_folder": "some.where/new"}
    text = json.dumps(there)
    assert loaded(tmp_path, text).database_url == f"sqlite:///{tmp_path}/some.where/new.sqlite"
    (tmp_path / "data").mkdir()
    (tmp_path / "data/pypisync.sqlite").touch()
    assert loaded(tmp_path, "{}").database_url == f"sqlite:///{tmp_path}/data/pypisync.sqlite"
    assert (
        loaded(tmp_path, '{destination_folder: "/"}').database_url == "sqlite:////pypisync.sqlite"
    )


def test_a_folder_that_cannot_be_looked_into_is_a_fault_of_the_configuration(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, json.dumps({"destination_folder": "x" * 300}))
    assert "cannot be seen (File name too long); name it, or" in str(caught.value)


@pytest.mark.parametrize(
    "path", ["mirror.sqlite", "../a/b-c_d.db", "/srv//x.sqlite", "with%20blank", "ümlaut", "a?b=c"]
)
def test_a_plain_file_is_the_database_that_sqlalchemy_takes_it_for(
    tmp_path: Path, path: str
) -> None:
    found = loaded(tmp_path, json.dumps({"database": f"sqlite:///{path}"})).database_url
    assert found == url.absolute(f"sqlite:///{path}", tmp_path)


def test_what_packages_names_is_as_it_says_there_also_of_the_toolchain(tmp_path: Path) -> None:
    config = loaded(tmp_path, '{toolchain: true, packages: {"Flit_Core": ["<4"], pip: []}}')
    found = {root.name: [one.text for one in root.selectors] for root in config.packages}
    newest = {name: ["latest"] for name in TOOLCHAIN}
    assert found == newest | {"flit-core": ["<4"], "pip": []}
    assert loaded(tmp_path, "{toolchain: true}").packages
    assert loaded(tmp_path, "{packages: {a: ['1']}}").packages[-1].name == "a"


def test_sizes_and_durations() -> None:
    assert [values.size(text) for text in ("7", "1kB", " 2 MiB ", "0.5 gb")] == [
        *(7, 1000, 2097152, 500_000_000)
    ]
    assert [values.duration(text) for text in ("90", "2 weeks", "1min", "1.5 H")] == [
        *(90, 1209600, 60, 5400)
    ]
    assert [display.show_size(n) for n in (0, 1023, 1024, 1536, 2**30, 2**50)] == [
        *("0 B", "1023 B", "1 KiB", "1.5 KiB", "1 GiB", "1024 TiB")
    ]
    assert [display.show_duration(n) for n in (0, 59, 60, 7200, 86400, 90000)] == [
        *("0 seconds", "59 seconds", "1 minute", "2 hours", "1 day", "25 hours")
    ]
    for wrong in ("", "GiB", "-1", "1 2", "1e9", "٣ MB"):
        with pytest.raises(ValueError, match="must be a size"):
            values.size(wrong)
