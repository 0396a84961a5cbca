"""How many examples a property tries: more of them in the profile "deep"."""

from hypothesis import settings

_DEEP = 20  # times as many


def scaled(count: int) -> int:
    """So many examples; with ``--hypothesis-profile deep`` twenty times as many."""
    return count * _DEEP if settings.get_current_profile_name() == "deep" else count
