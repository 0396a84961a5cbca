"""The version of PypiSync, in a module of its own: telling it must not wait for anything else."""

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Returns the version of PypiSync that is installed; "" if it is not."""
    try:
        return version("pypisync")
    except PackageNotFoundError:
        return ""
