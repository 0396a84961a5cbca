"""How Sphinx makes the site: ``sphinx-build -W docs build/site``. Nothing is fetched."""

import logging
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.generated import PARTS

logging.getLogger("alembic").setLevel(logging.WARNING)  # the views are read from a new database

project = "PypiSync"
author = "The PypiSync authors"
copyright = author  # noqa: A001 - the name that Sphinx asks for
version = release = metadata.version("pypisync")

extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4
nitpicky = True
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = f"PypiSync {version}"
html_static_path: list[str] = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


class Generated(SphinxDirective):
    """A part of the reference that is made from the code: ``{generated} keys``."""

    required_arguments = 1
    _made: ClassVar[dict[str, str]] = {}

    def run(self) -> list[nodes.Node]:
        """The part's nodes."""
        part = self.arguments[0]
        if part not in self._made:
            self._made[part] = PARTS[part]()
        return self.parse_text_to_nodes(self._made[part], allow_section_headings=True)


class Picture(SphinxDirective):
    """An SVG of ``docs/pictures`` as a part of the page, so that it has the colours of the page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The picture's node."""
        path = Path(self.env.srcdir) / "pictures" / self.arguments[0]
        self.env.note_dependency(str(path))
        drawing = path.read_text(encoding="utf-8")
        return [nodes.raw("", f'<div class="picture">{drawing}</div>', format="html")]


def setup(site: Sphinx) -> dict[str, Any]:
    """Make the directives known."""
    site.add_directive("generated", Generated)
    site.add_directive("picture", Picture)
    return {"parallel_read_safe": True}
