"""Build hook: the wheel holds the members that the client imports, and so installs alone."""

from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MEMBERS: Final = ("commandkit", "contract")


class ClientBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's own default
    """Adds members to a wheel; an editable install has them as members of the workspace."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # Any: hatchling's
        """Name the files to add."""
        if version == "editable":
            return
        libs = Path(self.root).parent / "libs"
        build_data["force_include"] |= {
            str(libs / member / "src" / member): member for member in MEMBERS
        }
