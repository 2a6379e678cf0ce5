"""The stylesheet has enough contrast in both schemes; the script keeps nothing, and runs nothing that is text."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STATIC = files("ripguard.platform.web") / "static"
STYLE = (STATIC / "style.css").read_text("utf-8")
SCRIPT = (STATIC / "script.js").read_text("utf-8")
# text and its ground
TEXTS = [
    ("text", "ground"), ("text", "card"), ("dim", "ground"), ("dim", "card"), ("link", "ground"), ("link", "card"),
    ("on-action", "action"), ("on-danger", "danger"), ("good", "good-ground"), ("bad", "bad-ground"),
    ("wait", "wait-ground"), ("tag", "tag-ground"),
]  # fmt: skip
# edges of fields, and the mark of the focus
SHAPES = [("edge", "card"), ("edge", "ground"), ("link", "card"), ("link", "ground"), ("action", "card")]


def schemes() -> dict[str, dict[str, tuple[int, int, int]]]:
    """Colors by name, in the light and in the dark scheme."""
    light, dark = re.findall(r":root \{([^}]*)\}", STYLE)
    found = {}
    for name, text in (("light", light), ("dark", dark)):
        rows = re.findall(r"--([a-z-]+): #([0-9a-f]{6});", text)
        found[name] = {key: tuple(bytes.fromhex(value)) for key, value in rows}
    return found  # type: ignore[return-value]


def luminance(color: tuple[int, int, int]) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [one / 255 for one in color]
    red, green, blue = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_and_white():
    assert round(contrast((0, 0, 0), (255, 255, 255)), 2) == 21


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, 4.5), (SHAPES, 3.0)])
def test_contrast(scheme, pairs, least):  # type: ignore[no-untyped-def]
    colors = schemes()[scheme]
    assert {f"{one} on {other}": contrast(colors[one], colors[other]) for one, other in pairs
            if contrast(colors[one], colors[other]) < least} == {}  # fmt: skip


def test_every_color_is_named_once_and_used():
    light, dark = schemes().values()
    assert set(light) == set(dark)
    rest = re.sub(r":root \{[^}]*\}", "", STYLE)
    assert not re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", rest)
    assert set(re.findall(r"var\(--([a-z-]+)\)", rest)) == set(light)


def test_the_script_is_small_and_keeps_nothing():
    assert len(SCRIPT) < 16_000
    for word in ("localStorage", "sessionStorage", "indexedDB", "document.cookie", "innerHTML", "eval(", "Function(",
                 "insertAdjacentHTML", "document.write", "console.", "http:", "https:"):  # fmt: skip
        assert word not in SCRIPT, word


def test_nothing_comes_from_elsewhere():
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_the_focus_is_seen():
    assert re.search(r":focus-visible \{ outline: 3px", STYLE)
    assert "outline: none" not in STYLE.replace("main:focus { outline: none; }", "")
