"""How Sphinx builds the documentation: `sphinx-build -W -b html docs docs/_build/html`."""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_extensions"))

# The tutorials prepare a dataset and cache features; a build leaves nothing in the reader's home.
os.environ.setdefault("MMGRAPH_HOME", str(HERE / "_build" / "home"))
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # tqdm asks Jupyter for a widget
# The tutorials call `mmgraph`, that of this environment, whether or not it is activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

project = "mmgraph"
author = "The mmgraph contributors"
project_copyright = "The mmgraph contributors, Apache-2.0"
release = version = installed_version("mmgraph")

# No intersphinx: its inventories come over the network, and a build must not need one.
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated_pages",
]
# _generated is written by generated_pages and included by the pages in reference/.
exclude_patterns = ["_build", "_generated", "_extensions"]

html_theme = "furo"
html_title = f"mmgraph {release}"
html_static_path = ["_static"]
html_css_files = ["mmgraph.css"]
html_copy_source = False
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
