"""A small disk of its own, that can be filled: only root may mount one."""

import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE = "24m"


class Disk:
    """A context manager; within it ``folder`` is there, on a small disk if ``small``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.small = False
        self._filler = folder / "filler"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.folder)]
        self.small = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.small:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self, left: int) -> None:
        """Leave about so many bytes free."""
        if not self.small:
            return
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while True:
                filler.write(bytes(16_384))
        with suppress(OSError), self._filler.open("ab") as filler:
            filler.truncate(max(filler.tell() - left, 0))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)
