"""What the operator may want in the course of a run."""

from typing import Any

_SOME = {"p0": ["latest"], "p1": ["2 latest"], "p2": [">=1"]}
_ALL = {f"p{number}": ["latest"] for number in range(9)}

# How upstream is asked: while it has faults, and when all is healed and only the machine is slow.
HURRIED = {"pace": 0, "retries": 0, "timeout": 2, "workers": 3}
CALM = {"pace": 0, "timeout": 60}
LIMITS = {"removals": 100, "removals_share": 1, "dropped_share": 1}


def _blocked(*names: str) -> dict[str, Any]:
    return {"block": [{"reason": "not here", "name": name} for name in names]}


CHOICES: tuple[dict[str, Any], ...] = (
    {"packages": _SOME},
    {"packages": _ALL},
    {"packages": _ALL, "policy": _blocked("p3")},
    {"packages": {"p5": ["latest"], "p6[fast]": ["latest", "<2"]}},
    {"packages": _SOME, "policy": _blocked("p1", "p7"), "sdists": "always"},
    {"packages": {}, "packages_re": {"p[0-4]": ["latest"]}},
    {"packages": _ALL, "retention": "1 day", "grace": "1 hour"},
    {"packages": _ALL, "sdists": "never", "flat": True},
    {"packages": _ALL, "policy": {"min_age": "2 days"}},
    {"packages": _SOME, "policy": {"min_age": "30 days"} | _blocked("p4"), "retention": "3 days"},
)


def blocked(number: int) -> set[str]:
    """The projects that this choice blocks."""
    policy = CHOICES[number].get("policy", {})
    return {block["name"] for block in policy.get("block", [])}
