"""The policy as it is written in the configuration file."""

from pathlib import Path

from pypisync.core.filters.policy import Block, Policy
from tests.test_config import loaded


def test_the_policy_by_default_bars_nothing(tmp_path: Path) -> None:
    for text in ("{}", "{policy: {}}"):
        policy = loaded(tmp_path, text).policy
        assert policy == Policy()
        assert policy.idle
        assert not policy.examines


def test_a_full_policy(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """{ policy: {
            min_age: "7 days", min_age_of: { Num_Py: 0 }, exempt: ["Foo == 1.2"],
            freeze_at: "2026-11-01", max_file_size: "1 GiB", vulnerabilities: "block",
            block: [{ name: "Evil", specifier: "<2", reason: "it is" },
                    { filename: "x-1.tar.gz", sha256: "%s", reason: "both" }],
        } }"""
        % ("AB" * 32),
    )
    assert config.policy == Policy(
        min_age=7 * 86400,
        min_age_of=(("num-py", 0),),
        exempt=(("foo", "1.2"),),
        freeze_at=1_793_491_200,
        block=(
            Block("it is", "evil", "<2"),
            Block("both", filename="x-1.tar.gz", sha256="ab" * 32),
        ),
        max_file_size=2**30,
        vulnerabilities="block",
    )


def test_a_moment_may_have_any_zone(tmp_path: Path) -> None:
    for text in ("2026-11-01T00:00:00Z", "2026-11-01T01:30:00+01:30", "2026-11-01"):
        policy = loaded(tmp_path, f'{{policy: {{freeze_at: "{text}"}}}}').policy
        assert policy.freeze_at == 1_793_491_200
