"""How the documentation is built: `make docs`. Warnings are errors, and nothing is read from the network."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

import ripguard

project, author, version = "ripguard", "the ripguard authors", ripguard.__version__
copyright = author
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated", "links"]
exclude_patterns = ["extensions"]
html_theme, html_title = "furo", f"ripguard {version}"
html_show_sourcelink = html_copy_source = False

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
myst_url_schemes = {"http": None, "https": None, "mailto": None, "repo": None}
# where the site links to for files of the repository; without it, to the files beside the built site
repository_url = os.environ.get("RIPGUARD_REPOSITORY_URL", "")

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_class_signature = "separated"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
suppress_warnings = ["config.cache"]
