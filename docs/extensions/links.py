"""Links to files of the repository, as GitHub shows them, also lead somewhere from the built site.

A page links to ``../../results/README.md`` as every Markdown file does. Sphinx knows only the pages of docs/, so such a
link becomes ``repo:results/README.md`` when the page is read. Once the page is parsed, that becomes the way from the
built page to the file, or to ``repository_url``. A link to a file that does not exist is a warning, which ``make docs``
turns into an error. The links of the Markdown files outside docs/ are checked as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")  # whose links are checked, too
FENCE = re.compile(r"^(```.*?^```)[^\n]*$", re.M | re.S)
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.M)


def rewrite(text: str, page: Path) -> str:
    """Links of one page that leave docs/, as ``repo:`` links; fenced blocks stay as they are."""

    def one(found: re.Match[str]) -> str:
        target, _, anchor = found[2].partition("#")
        if not target or ":" in target:
            return found[0]
        place = Path(os.path.normpath(page.parent / target))
        if place.is_relative_to(ROOT / "docs") or not place.is_relative_to(ROOT):
            return found[0]  # MyST's to check
        return f"[{found[1]}](repo:{place.relative_to(ROOT).as_posix()}{'#' + anchor if anchor else ''})"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(one, part) for part in parts)


def on_read(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = rewrite(source[0], Path(app.env.doc2path(name)))


def on_parsed(app: Sphinx, tree: nodes.document) -> None:
    """Every ``repo:`` link of a page becomes the way to a file that is there."""
    page = app.env.docname
    built = Path(app.outdir) / Path(page).parent
    for link in tree.findall(nodes.reference):
        target = link.get("refuri", "")
        if not target.startswith("repo:"):
            continue
        path, _, anchor = target.removeprefix("repo:").partition("#")
        if problem := broken(ROOT / path, anchor):
            LOG.warning("%s: the link to %s leads nowhere: %s", page, path, problem, location=link)
        base = app.config.repository_url or os.path.relpath(ROOT, built)
        link["refuri"] = f"{base}/{path}{'#' + anchor if anchor else ''}"


def broken(place: Path, anchor: str) -> str:
    """Why a link leads nowhere, "" if it does not."""
    if not place.exists():
        return "no such file"
    if anchor and place.suffix == ".md" and anchor not in anchors(place.read_text()):
        return f"no heading #{anchor}"
    return ""


def anchors(text: str) -> set[str]:
    """Of the headings of a Markdown file, as GitHub makes them."""
    found: dict[str, int] = {}
    for title in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", title).lower()).replace(" ", "-")
        found[plain] = found.get(plain, -1) + 1
    return {name if not number else f"{name}-{number}" for name, last in found.items() for number in range(last + 1)}


def dead_links(page: Path) -> Iterator[str]:
    """Links and images of a Markdown file that lead to no file, or to no heading of one."""
    text = FENCE.sub("", page.read_text())
    for target in [found[2] for found in LINK.finditer(text)] + IMAGE.findall(text):
        path, _, anchor = target.partition("#")
        if ":" in path:
            continue
        place = Path(os.path.normpath(page.parent / path)) if path else page
        if problem := broken(place, anchor):
            yield f"{target}: {problem}"


def on_checked(app: Sphinx, env: Any) -> None:
    for name in OUTSIDE:
        for problem in dead_links(ROOT / name):
            LOG.warning("%s: %s", name, problem)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("repository_url", "", "html")
    app.connect("source-read", on_read, priority=900)  # after what generates text
    app.connect("doctree-read", on_parsed)
    app.connect("env-check-consistency", on_checked)
    return {"parallel_read_safe": True}
