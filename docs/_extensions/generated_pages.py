"""A Sphinx extension that writes what the code itself knows into docs/_generated/, for the reference."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_pages import command_pages
from config_tables import config_tables
from registered_names import registered_names
from sphinx.application import Sphinx

from mmgraph.data.json_schema import json_schema
from mmgraph.training.config import TrainConfig

PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_pages,
    "dataset_yaml.md": lambda: config_tables(json_schema()),
    "train_config.md": lambda: config_tables(TrainConfig.model_json_schema()),
    "registered.md": registered_names,
    "dataset.schema.json": lambda: json.dumps(json_schema(), indent=2) + "\n",
}


def write_pages(app: Sphinx) -> None:
    """Write every page whose content has changed, so that Sphinx reads only those again."""
    folder = Path(app.srcdir) / "_generated"
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        page, content = folder / name, make()
        if not page.is_file() or page.read_text(encoding="utf-8") != content:
            page.write_text(content, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
