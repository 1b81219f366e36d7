"""What hatchling does beyond copying the package: a wheel carries the shipped datasets and configs."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShippedFiles(BuildHookInterface):
    """Puts ``datasets/`` and ``configs/`` where :func:`mmgraph.paths.shipped` looks for them first."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders to a wheel, but not to an editable install.

        There they would make a second folder named ``mmgraph`` among the installed packages, which hides the
        one in the source tree; the package finds the folders beside itself.
        """
        if version == "standard":
            for folder in ("datasets", "configs"):
                build_data["force_include"][folder] = f"mmgraph/shipped/{folder}"
