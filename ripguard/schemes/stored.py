"""Schemes as stored in releases and records, of this and older versions, and their names in tables."""

from __future__ import annotations

from typing import Any

from ripguard.errors import UsageError
from ripguard.methods.params import LARGE, DataStats
from ripguard.methods.registries import HIDINGS, PERTURBATIONS
from ripguard.perturb.marks import ALL_CELLS, MarkedParams
from ripguard.schemes.presets import SCHEMES
from ripguard.schemes.two_axis import TwoAxis

# order of the parts of a name
ORDER = ("eps", "tint", "sink", "cells", "surrogate_share", "target", "steps", "through")


def read(stored: dict[str, Any]) -> TwoAxis:
    """Parse a stored scheme. Raises :class:`UsageError` for one-step schemes and unknown methods."""
    try:
        perturb = stored.get("perturb")
        return _flat(stored, perturb) if isinstance(perturb, str) else _nested(stored, perturb or {})
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{stored.get('name')} is not a perturbation and a hiding method: {error!r}") from None


def _nested(stored: dict[str, Any], perturb: dict[str, Any]) -> TwoAxis:
    hide, data = stored["hide"], stored.get("data")
    own, its = PERTURBATIONS[perturb["method"]].kind, HIDINGS[hide["method"]].kind
    stats = DataStats(data["side"], data["classes"], frozenset(data["channels"])) if data else None
    return TwoAxis(stored["name"], own.from_json(perturb), its.from_json(hide), stored.get("tint"), data=stats)


def _flat(stored: dict[str, Any], perturb: str) -> TwoAxis:
    """A scheme stored before December 2026: one flat table of all options."""
    own, its = PERTURBATIONS[perturb].kind, HIDINGS[stored.get("method", "mrit")].kind
    given = {name: stored[name] for name in own.options() if name in stored}
    if issubclass(own, MarkedParams):  # older releases had no sink class, and patches on all cells
        given |= {"sink": stored.get("sink") or False, "cells": stored.get("cells") or ALL_CELLS}
    if "coarse" in own.options():  # older surrogates had one trunk
        given.setdefault("coarse", False)
    if given.get("target", "") is None:  # stands for the default
        del given["target"]
    table = _hiding_table(stored)
    hide = its(**{name: table[name] for name in its.options() if name in table})
    # the surrogate had a coarse trunk exactly for large images
    stats = DataStats(LARGE if stored.get("coarse") else LARGE - 1)
    return TwoAxis(stored["name"], own(**given), hide, stored.get("tint"), data=stats)


def _hiding_table(stored: dict[str, Any]) -> dict[str, Any]:
    """The hiding options in a flat table."""
    return {**stored.get("hide", {}), **stored}


def options_of(stored: dict[str, Any]) -> dict[str, Any]:
    """Stored options that the scheme's own methods read, as ``{"perturb NAME": value, "hide NAME": value, …}``."""
    try:
        made = read(stored)
    except UsageError:
        return dict(stored)
    perturb, hide = stored.get("perturb"), stored.get("hide", {})
    tables = (stored, _hiding_table(stored)) if isinstance(perturb, str) else (perturb, hide)
    stated: dict[str, Any] = {"name": stored["name"], "tint": stored.get("tint")}
    for axis, params, table in zip(("perturb", "hide"), (made.perturb, made.hide), tables):
        own = {f"{axis} {name}": value for name, value in params.to_json().items() if name in table}
        stated |= own | {f"{axis} method": params.method}
    return stated


def label(stored: dict[str, Any]) -> str:
    """Name of a stored scheme, followed by the options that differ from the preset: ``seal, lsp``."""
    name, preset = str(stored.get("name")), SCHEMES.get(str(stored.get("name")))
    if preset is None:
        return name
    try:
        return name_of(read(stored), preset)
    except UsageError:  # unknown methods or options
        own = stored.get("perturb")
        method = own.get("method") if isinstance(own, dict) else own
        return f"{name}, {method}, options not known here"


def name_of(made: TwoAxis, preset: TwoAxis) -> str:
    """Name in tables of a scheme derived from a preset."""
    own, other = made.perturb, made.perturb.method != preset.perturb.method
    usual = (type(own)() if other else preset.perturb).resolve(made.data or DataStats(LARGE - 1))
    words = [made.name, *([own.method] if other else [])]
    shown = {}
    for name, option in own.options().items():
        value = getattr(own, name)
        # without a value in the preset, the defaults for all image sizes are not shown
        free = option.usual if other or getattr(preset.perturb, name) is None else ()
        if option.word and value not in (getattr(usual, name), *free):
            shown[name] = option.word(value)
    if made.tint not in (None, made.perturbation_class.colors):
        shown["tint"] = "tinted" if made.tint else "grey kept"
    return ", ".join(words + [shown[name] for name in (*ORDER, *sorted(set(shown) - set(ORDER))) if name in shown])
