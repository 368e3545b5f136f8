"""The documentation's site: sphinx-build -W --keep-going docs build/docs."""

from __future__ import annotations

import re

import jaxcls

project = "jaxcls"
author = copyright = "The jaxcls authors"
release = jaxcls.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"jaxcls {release}"
nitpicky = False
exclude_patterns = ["images"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_inherit_docstrings = False
napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_numpy_docstring = False
suppress_warnings = ["misc.highlighting_failure"]  # JSON with an ellipsis in it


def _files_of_the_repository(app, docname, source):
    """Links out of docs/ lead to files that a site does not have: they become names."""
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./([^)#]+)(?:#[^)]*)?\)", r"`\2`", source[0])


def _as_markdown(app, what, name, obj, options, lines):
    """Docstrings have single backquotes for code, as Markdown does."""
    lines[:] = re.sub(r"(?<![`:])`([^`]+)`(?![`_])", r"``\1``", "\n".join(lines)).split("\n")


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", _files_of_the_repository)
    app.connect("autodoc-process-docstring", _as_markdown, priority=100)
