"""How many examples a property tries: more of them in the profile "deep"."""

from hypothesis import settings

_TIMES = {"deep": 20, "mutants": 0.25}  # by profile


def is_deep() -> bool:
    """Whether the profile is "deep"."""
    return settings.get_current_profile_name() == "deep"


def scaled(count: int) -> int:
    """So many examples; more with ``--hypothesis-profile deep``, fewer for mutation testing."""
    return int(count * _TIMES.get(settings.get_current_profile_name(), 1))
