"""What all report pages share: their template, their one script, and the rules that they are read under."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_SCRIPT = "page.js"


def render_page(content: Mapping[str, Any]) -> str:
    """Return a report page as HTML; all text in ``content`` is escaped.

    The page may load nothing, and run nothing but its own script, which its policy knows by its hash: even
    text that were not escaped could not run.

    Args:
        content: What ``report.html.j2`` shows, by name.
    """
    # Autoescape for every template: by name, only those that end in .html would be escaped.
    environment = Environment(
        loader=PackageLoader("mmgraph.evaluation"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"breakable": breakable, "coded": coded, "whole": whole}
    assert environment.loader is not None
    script, _, _ = environment.loader.get_source(environment, _SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template("report.html.j2")
    # Ours, and it holds no end of a script element.
    return page.render(script=Markup(script), script_hash=f"sha256-{digest}", **content)  # noqa: S704


def breakable(text: str) -> Markup:
    """Return the name of an entry, escaped, with places where a line may end.

    Example:
        >>> breakable("hetero_gat[edges=<b>]")
        Markup('hetero_<wbr>gat[<wbr>edges=<wbr>&lt;b&gt;]')
    """
    return Markup(re.sub(r"([_\[=.])", r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped


def whole(text: str) -> str:
    """Return a number and its spread, or an interval, such that a narrow column breaks it before the second.

    Example:
        >>> whole("0.912 ± 0.004"), whole("0.905 to 0.918")
        ('0.912 ±\\xa00.004', '0.905 to\\xa00.918')
    """
    return text.replace(" ± ", " ±\N{NO-BREAK SPACE}").replace(" to ", " to\N{NO-BREAK SPACE}")


def coded(text: str) -> Markup:
    """Return a sentence, escaped, with what stands between backticks as code.

    Example:
        >>> coded("without `a<b`, less")
        Markup('without <code>a&lt;b</code>, less')
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped
