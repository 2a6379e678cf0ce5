"""Schemes: what the presets promise about looks, and how a release's scheme is called in tables."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from helpers import SEED

from ripguard.data.pictures import load
from ripguard.data.registry import open_source
from ripguard.hide.base import Identity
from ripguard.hide.methods import for_hiding
from ripguard.keys import Key
from ripguard.looks import likeness
from ripguard.perturb.marks import few_cells
from ripguard.release.aim import Spec, found_in
from ripguard.schemes import SCHEMES, Scheme, label, marks_of

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize(("name", "least"), [("discreet", 30), ("balanced", 26), ("strong", 22), ("mrit", 26)])
def test_looks_of_the_presets(name, least):  # type: ignore[no-untyped-def]
    """Median PSNR of published pictures to the clean ones, hiding included; not far above. WebP as the coder."""
    clean = load(open_source("photos").items[::150][:40]).pictures
    key = Key(bytes(32))
    ids = [Identity(key.id, bytes(8), 0, i) for i in range(40)]
    keys = [key.dataset(bytes(8)).unit(0).picture(i) for i in range(40)]
    drawn = np.random.default_rng(1).normal(size=(10, 4, 4, 3))
    cells = SCHEMES[name].settled(32).cells
    assert cells is not None
    patches = list(np.sign(drawn) if cells == 16 else few_cells(drawn + drawn[:, :, ::-1], cells))
    carriers = Spec(SCHEMES[name], members=patches)()(clean, np.arange(40) % 10, np.arange(40, dtype=np.uint64))
    hidden = for_hiding(SCHEMES[name], clean.shape[1:], False, b"").hide(clean, carriers, ids, keys)
    psnr = np.median([likeness(one.picture, before)["psnr"] for one, before in zip(hidden, clean)])
    assert least <= psnr < least + 2


@pytest.mark.parametrize(("name", "least"), [("layered-balanced", 26), ("layered", 22)])
def test_looks_of_layered(name, least, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The same to half a decibel: how much of its bound is used by what stands below follows a surrogate."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    every = load(open_source("photos").items[::20])
    spec = found_in(SCHEMES[name], every.pictures, every.labels, every.names, SEED, epochs=2)
    chosen = slice(None, None, len(every.labels) // 40)
    clean, labels = every.pictures[chosen], every.labels[chosen]
    key, count = Key(bytes(32)), len(labels)
    ids = [Identity(key.id, bytes(8), 0, i) for i in range(count)]
    keys = [key.dataset(bytes(8)).unit(0).picture(i) for i in range(count)]
    carriers = spec()(clean, labels, np.arange(count, dtype=np.uint64))
    hidden = for_hiding(SCHEMES[name], clean.shape[1:], False, b"").hide(clean, carriers, ids, keys)
    psnr = np.median([likeness(one.picture, before)["psnr"] for one, before in zip(hidden, clean)])
    assert psnr > least - 0.5
    assert psnr < least + 2


def test_labels():
    """A scheme's own settings are not told, others are; eps that hangs on the picture size is its own."""

    def made(name: str, side: int = 32, **changes: object) -> str:
        scheme: Scheme = dataclasses.replace(SCHEMES[name], **changes).settled(side)  # type: ignore[arg-type]
        return label(json.loads(json.dumps(dataclasses.asdict(scheme))))

    assert {made(name) for name in SCHEMES} == {made(name, 64) for name in SCHEMES} == set(SCHEMES)
    assert made("mrit-tap", eps=0.1, coarse=True) == "mrit-tap"
    assert made("mrit-tap", eps=0.05) == "mrit-tap, ε 0.05"
    assert made("seal", perturb="lsp") == "seal, lsp"
    assert made("mrit", eps=0.1) == "mrit, ε 0.1"
    assert made("strong", eps=0.064) == "strong, ε 0.064"
    assert made("layered", target="permutation", sink=False) == "layered, no sink, target permutation"
    assert made("layered", perturb="tap", eps=None, through=()) == "layered, tap"
    assert made("layered", perturb="tap", eps=None, through=("jpeg",)) == "layered, tap, through jpeg"
    assert made("seal", perturb="tap", through=("jpeg", "blur"), steps=40) == "seal, tap, steps 40, through jpeg+blur"
    assert made("mrit", tint=True) == "mrit"
    assert made("mrit", tint=False) == "mrit, grey kept"
    assert made("mrit-tap", tint=True) == "mrit-tap, tinted"
    old = json.loads(json.dumps(dataclasses.asdict(SCHEMES["mrit"].settled(32))))
    del old["tint"]  # of a release made before there was the choice
    assert label(old) == "mrit"
    assert made("mrit", sink=False) == "mrit, no sink"
    assert made("mrit", target="cyclic", sink=True) == "mrit, target cyclic"
    del old["sink"]
    assert label(old | {"target": "cyclic"}) == "mrit, no sink, target cyclic"  # as they were until November 2026
    assert made("seal", perturb="lsp", sink=None) == "seal, lsp"
    assert made("mrit", surrogate_share=0.5) == "mrit, share 0.5"
    assert (made("balanced", cells=16), made("mrit", cells=2)) == ("balanced, all cells", "mrit, cells 2")
    assert (made("balanced", 64, cells=16), made("balanced", 64, cells=2)) == ("balanced", "balanced, cells 2")
    old = json.loads(json.dumps(dataclasses.asdict(SCHEMES["balanced"].settled(32)))) | {"cells": None}
    assert label(old) == "balanced, all cells"  # as it was until then
    assert made("balanced", perturb="lsp", eps=None) == "balanced, lsp"


def test_settled_marks():
    """What a release of marks tells is what its marks were; a perturbation of one's own brings its own target rule."""
    usual, asked = SCHEMES["mrit"].settled(32), SCHEMES["mrit"].with_options({"sink": False, "target": "cyclic"})
    assert (usual.target, usual.sink) == ("opposite", True)
    assert (asked.settled(32).target, asked.settled(32).sink) == ("cyclic", False)
    assert SCHEMES["mrit-tap"].settled(32).sink is None
    assert SCHEMES["paper"].with_options({"perturb": "marks"}).settled(32).target == "opposite"
    assert SCHEMES["layered"].with_options({"perturb": "tap"}).through == ()
    alone = SCHEMES["layered"].with_options({"perturb": "marks"}).settled(32)
    assert (alone.eps, alone.target, alone.through) == (0.064, "opposite", ())
    layered = marks_of(dataclasses.asdict(SCHEMES["layered"].settled(32)))
    assert SCHEMES["layered"].with_tint_for({1, 3}).tint
    assert (layered.perturb, layered.target, layered.eps) == ("marks", "opposite", SCHEMES["layered"].eps)
    assert SCHEMES["mrit"].with_options({"perturb": "layered"}).settled(32).target == "cyclic"
    assert SCHEMES["paper"].with_options({"eps": 0.05}).target == "random"
    for name in SCHEMES:  # the null is of one size, whatever the scheme's own perturbation is
        null = SCHEMES[name].with_options({"perturb": "noise"}).settled(64)
        assert null.eps == 8 / 255
        assert label(json.loads(json.dumps(dataclasses.asdict(null)))) == f"{name}, noise"
    assert SCHEMES["strong"].with_options({"perturb": "tap", "eps": 0.108}).settled(32).eps == 0.108
    loud = dataclasses.replace(SCHEMES["strong"], perturb="noise")
    assert label(json.loads(json.dumps(dataclasses.asdict(loud)))) == "strong, noise, ε 0.108"
    told = json.loads(json.dumps(dataclasses.asdict(asked.settled(32))))
    assert (marks_of(told).target, marks_of(told).sink) == ("cyclic", False)
    del told["sink"]
    assert marks_of(told).sink is False
    assert label({"name": "of another version"}) == "of another version"


def test_cells():
    """Few cells are of marks alone and of small pictures, more where they cannot tell so many classes apart."""
    balanced = SCHEMES["balanced"].settled(32)
    assert [balanced.with_cells_for(n, {3}).cells for n in (10, 64, 65, 2000)] == [2, 2, 4, 16]
    asked = [SCHEMES["balanced"].with_options({"tint": tint}).settled(32) for tint in (None, False)]
    mixed = [one.with_tint_for({1, 3}).with_cells_for(17, {1, 3}).cells for one in asked]
    assert mixed == [2, 4]  # grey ones in colour, or as they are
    assert [balanced.with_cells_for(n, {1}).cells for n in (10, 16, 17, 113)] == [2, 2, 4, 16]
    assert [SCHEMES[name].settled(32).cells for name in ("mrit", "seal", "strong", "discreet")] == [16] * 4
    assert SCHEMES["balanced"].settled(64).with_cells_for(10, {3}).cells == 16
    assert SCHEMES["balanced"].with_options({"cells": 4}).settled(64).cells == 4
    assert SCHEMES["balanced"].with_options({"perturb": "lsp"}).cells == 16
    assert SCHEMES["paper"].with_options({"perturb": "marks"}).settled(32).cells == 16
    told = dataclasses.asdict(balanced)
    assert (marks_of(told).cells, marks_of(told | {"cells": None}).cells) == (2, 16)
