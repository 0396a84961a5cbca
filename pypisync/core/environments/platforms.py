"""Which values of related marker variables occur together on a real platform.

``os_name``, ``sys_platform`` and ``platform_system`` are three names of one fact, and so are
``implementation_name`` and ``platform_python_implementation``. The tables hold what Python's own
``os.name``, ``sys.platform`` and ``platform.system()`` (PEP 508) give on the platforms that have
wheels or are met in markers; any other platform stays outside, with free values.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Family(Struct, frozen=True):
    """Variables that move together: each row is what one real platform has.

    A platform outside the table shares none of the table's values in the ``naming`` variables;
    its other values are free.
    """

    variables: tuple[str, ...]
    naming: frozenset[str]
    rows: tuple[tuple[str, ...], ...]

    def known(self, variable: str) -> frozenset[str]:
        """Returns all values of ``variable`` in the table."""
        column = self.variables.index(variable)
        return frozenset(row[column] for row in self.rows)

    def bound(self, values: Mapping[str, str]) -> dict[str, str]:
        """Returns the part of ``values`` that is about this family."""
        return {name: values[name] for name in self.variables if name in values}

    def matching(self, values: Mapping[str, str]) -> list[tuple[str, ...]]:
        """Returns the rows that have these values."""
        wanted = self.bound(values).items()
        return [
            row
            for row in self.rows
            if all(row[self.variables.index(name)] == value for name, value in wanted)
        ]

    def agreed(self, rows: Sequence[tuple[str, ...]]) -> dict[str, str]:
        """Returns the values that all of ``rows`` share."""
        columns = zip(self.variables, zip(*rows, strict=True), strict=False)
        return {name: column[0] for name, column in columns if len(set(column)) == 1}

    def outside(self, values: Mapping[str, str]) -> bool:
        """Returns whether a platform that the table does not know can have these values."""
        return not any(
            value in self.known(name)
            for name, value in self.bound(values).items()
            if name in self.naming
        )

    def keeps(self, values: Mapping[str, str]) -> bool:
        """Returns whether to serve these values: a row has them, or the table cannot judge them."""
        return bool(self.matching(values)) or any(
            value not in self.known(name) for name, value in self.bound(values).items()
        )


PLATFORMS = Family(
    ("os_name", "sys_platform", "platform_system"),
    frozenset({"sys_platform", "platform_system"}),
    (
        ("posix", "linux", "Linux"),
        ("posix", "linux2", "Linux"),  # Python 2
        ("posix", "darwin", "Darwin"),
        ("nt", "win32", "Windows"),
        ("posix", "android", "Android"),
        ("posix", "ios", "iOS"),
        ("posix", "ios", "iPadOS"),
        ("posix", "emscripten", "Emscripten"),
        ("posix", "aix", "AIX"),
        ("posix", "sunos5", "SunOS"),
    ),
)
IMPLEMENTATIONS = Family(
    ("implementation_name", "platform_python_implementation"),
    frozenset({"implementation_name", "platform_python_implementation"}),
    (
        ("cpython", "CPython"),
        ("pypy", "PyPy"),
        ("graalpy", "GraalVM"),
        ("jython", "Jython"),
        ("ironpython", "IronPython"),
        ("pyston", "Pyston"),
        ("rustpython", "RustPython"),
    ),
)
FAMILIES = (PLATFORMS, IMPLEMENTATIONS)
