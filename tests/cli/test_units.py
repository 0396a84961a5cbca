"""``install-units``: what is there stays unless one says otherwise."""

from pathlib import Path

from tests.cli.running import ROOT
from tests.cli.test_init_check import run


def test_what_was_changed_is_overwritten_only_by_force(tmp_path: Path) -> None:
    first = run(tmp_path, "install-units", "--root", "here")
    # Where the program lies in a home the units cannot read it, and a note says so.
    notes = [line for line in first.stderr.splitlines() if line.startswith("note: ")]
    assert (first.returncode, first.stderr.splitlines()) == (0, notes)
    assert "systemctl enable --now pypisync" in first.stdout
    unit = tmp_path / "here/etc/systemd/system/pypisync.service"
    installed = unit.read_text(encoding="utf-8")
    again = run(tmp_path, "install-units", "--root", "here")
    assert "wrote" not in again.stdout
    assert f"unchanged {unit.relative_to(tmp_path)}" in again.stdout
    unit.write_text("of my own", encoding="utf-8")
    timer = unit.with_name("pypisync-sync.timer")
    timer.unlink()
    refused = run(tmp_path, "install-units", "--root", "here")
    assert refused.returncode == 2
    differs = f"{unit.relative_to(tmp_path)}: differs; --force overwrites it"
    assert [one for one in refused.stderr.splitlines() if one not in notes] == [differs]
    assert unit.read_text(encoding="utf-8") == "of my own"
    assert not timer.exists()  # all or nothing
    dry = run(tmp_path, "install-units", "--root", "here", "--dry-run")
    assert f"would write {unit.relative_to(tmp_path)}" in dry.stdout
    assert "next, as root" not in dry.stdout  # nothing is there to be enabled
    assert unit.read_text(encoding="utf-8") == "of my own"
    assert run(tmp_path, "install-units", "--root", "here", "--force").returncode == 0
    assert unit.read_text(encoding="utf-8") == installed
    assert timer.exists()


def test_what_a_link_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    masked = tmp_path / "etc/systemd/system/pypisync.service"
    masked.parent.mkdir(parents=True)
    other = tmp_path / "other"
    other.touch(mode=0o600)
    masked.symlink_to(other)
    assert run(tmp_path, "install-units", "--root", ".").returncode == 2
    assert run(tmp_path, "install-units", "--root", ".", "--force").returncode == 0
    assert masked.read_bytes()
    assert not masked.is_symlink()
    assert (other.read_bytes(), other.stat().st_mode & 0o777) == (b"", 0o600)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file", encoding="utf-8")
    done = run(tmp_path, "install-units", "--root", ".")
    assert done.returncode == 4
    assert "etc/systemd/system" in done.stderr
    assert "run it as root, or give another --root" in done.stderr


def test_every_kind_of_unit_has_its_place(tmp_path: Path) -> None:
    assert run(tmp_path, "install-units", "--root", ".").returncode == 0
    kept = {path.name for path in (Path(ROOT) / "systemd").iterdir()}
    installed = [path for path in (tmp_path / "etc").rglob("*") if path.is_file()]
    assert len(installed) == len(kept)
