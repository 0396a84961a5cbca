"""A build backend (PEP 517) small enough to travel inside simulated sdists.

It serves twice: as the in-tree backend of an sdist, and as ``setuptools.build_meta`` in the
stand-in for setuptools. It makes a wheel of what ``sim.json`` in the sdist states, after
importing the modules named there: a build whose requirements are not installed fails.
"""

import base64
import hashlib
import importlib
import json
import zipfile
from pathlib import Path
from typing import Any


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What the build needs beyond ``build-system.requires``: what ``sim.json`` adds."""
    requires: list[str] = _plan()["dynamic_requires"]
    return requires


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    """Write the wheel into ``wheel_directory``; its filename."""
    plan = _plan()
    for module in plan["imports"]:
        importlib.import_module(module)
    folder = f"{plan['stem']}.dist-info"
    members = {
        f"{plan['module']}.py": Path(f"{plan['module']}.py").read_text("utf-8"),
        f"{folder}/METADATA": plan["metadata"],
        f"{folder}/WHEEL": plan["wheel"],
    }
    filename = f"{plan['stem']}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / filename, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.writestr(f"{folder}/RECORD", _record(members, folder))
    return filename


def _plan() -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(Path("sim.json").read_text("utf-8"))
    return plan


def _record(members: dict[str, str], folder: str) -> str:
    lines = []
    for name, text in members.items():
        content = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(content)}\n")
    return "".join(lines) + f"{folder}/RECORD,,\n"


class _Legacy:
    """What pip asks for when an sdist names no backend: ``build_meta:__legacy__``."""

    get_requires_for_build_wheel = staticmethod(get_requires_for_build_wheel)
    build_wheel = staticmethod(build_wheel)


__legacy__ = _Legacy()
