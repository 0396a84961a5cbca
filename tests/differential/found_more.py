"""More indexes like those of :mod:`tests.differential.found`."""

from tests.differential.cases import Case, root
from tests.differential.wheels import Release


def _address(told: str, prefix: str, url: str) -> tuple[str, tuple[str, Case]]:
    """A root that pip installs, for a marker excludes the URL, and that uv does not."""
    line = f"{prefix}-dep @ {url} ; os_name == 'x'"
    releases = Release(f"{prefix}-app", "2.0", (line,)), Release(f"{prefix}-app", "1.0")
    return told, ("blocked", Case(prefix, releases, (told,), (root(f"{prefix}-app"),)))


MORE: dict[str, tuple[str, Case]] = dict(
    (
        _address(
            "an address with an empty fragment, behind which all is a comment for uv",
            "c36",
            "http://127.0.0.1:9/dep.zip#",
        ),
        _address("an address at which uv panics", "c37", "http://127.0.0.1:9/dep.git//"),
    )
)
