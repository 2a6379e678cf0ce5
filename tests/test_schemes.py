"""Schemes: what the presets promise about looks, how options and data settle them, and what tables call them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from helpers import SEED

from ripguard.crypto.keys import Key
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.errors import UsageError
from ripguard.hide.base import Identity
from ripguard.images.quality import likeness
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import DataStats
from ripguard.methods.registries import PERTURBATIONS
from ripguard.perturb.carve import Carve
from ripguard.perturb.noise import Noise, NoiseParams
from ripguard.perturb.patches import few_cells
from ripguard.schemes import SCHEMES, find, label
from ripguard.schemes.base import Batch, Run
from ripguard.schemes.stored import options_of, read
from ripguard.schemes.two_axis import TwoAxis

SMALL, BIG = DataStats(32), DataStats(64)


def batch(clean: np.ndarray, labels: np.ndarray) -> Batch:
    key, count = Key(bytes(32)), len(clean)
    ids = [Identity(key.id, bytes(8), 0, i) for i in range(count)]
    keys = [key.dataset(bytes(8)).unit(0).image(i) for i in range(count)]
    return Batch(clean, labels, np.arange(count, dtype=np.uint64), ids, keys, [])


@pytest.mark.numeric
@pytest.mark.parametrize(("name", "least"), [("discreet", 30), ("balanced", 26), ("strong", 22), ("mrit", 26)])
def test_looks_of_the_presets(name, least):  # type: ignore[no-untyped-def]
    """Median PSNR of published images to the clean ones, hiding included; not far above. WebP as the coder."""
    clean = load(open_source("photos").items[::150][:40]).images
    drawn = np.random.default_rng(1).normal(size=(10, 4, 4, 3))
    scheme = SCHEMES[name].resolve(SMALL)
    cells = scheme.perturb.cells  # type: ignore[attr-defined]
    patches = np.sign(drawn) if cells == 16 else few_cells(drawn + drawn[:, :, ::-1], cells)
    hidden, _ = scheme.protector(Fitted({"patches": patches}), Run()).protect(batch(clean, np.arange(40) % 10))
    psnr = np.median([likeness(one.image, before)["psnr"] for one, before in zip(hidden, clean)])
    assert least <= psnr < least + 2


@pytest.mark.slow
@pytest.mark.numeric
@pytest.mark.parametrize(("name", "least"), [("layered-balanced", 26), ("layered", 22)])
def test_looks_of_layered(name, least, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The same to half a decibel: how much of its bound is used by what stands below follows a surrogate."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    every = load(open_source("photos").items[::20])
    scheme = SCHEMES[name].with_options({"surrogate_epochs": 2}).resolve(DataStats(32, len(every.names)))
    fitted = scheme.fit(every, FitContext(tuple(every.names), SEED))
    chosen = slice(None, None, len(every.labels) // 40)
    clean = every.images[chosen]
    hidden, _ = scheme.protector(fitted, Run()).protect(batch(clean, every.labels[chosen]))
    psnr = np.median([likeness(one.image, before)["psnr"] for one, before in zip(hidden, clean)])
    assert psnr > least - 0.5
    assert psnr < least + 2


def test_images_without_a_label():
    """Noise in place of the perturbation by class, whatever else is in the batch; the others are unaffected."""
    clean, labels = load(open_source("photos").items[:6]).images, np.array([0, -1, 3, -1, 2, 1])
    scheme = SCHEMES["mrit"].resolve(SMALL)
    protector = scheme.protector(Fitted({"patches": np.random.default_rng(1).normal(size=(10, 4, 4, 3))}), Run())
    _, carriers = protector.protect(batch(clean, labels))
    seeds = np.arange(6, dtype=np.uint64)
    np.testing.assert_array_equal(carriers[labels < 0], Noise(NoiseParams())(clean, labels, seeds)[labels < 0])
    _, known = protector.protect(batch(clean, np.maximum(labels, 0)))
    np.testing.assert_array_equal(carriers[labels >= 0], known[labels >= 0])


def stored(scheme: TwoAxis) -> dict[str, Any]:
    """As a file holds it."""
    return json.loads(json.dumps(scheme.to_json()))


def named(name: str, data: DataStats = SMALL, **options: object) -> str:
    return label(stored(SCHEMES[name].with_options(options).resolve(data)))


def test_names():
    """A scheme's own settings are not told, others are; eps that hangs on the image size is its own."""
    assert {named(name) for name in SCHEMES} == {named(name, BIG) for name in SCHEMES} == set(SCHEMES)
    assert named("mrit-tap", eps=0.1, coarse=True) == "mrit-tap"
    assert named("mrit-tap", eps=0.05) == "mrit-tap, ε 0.05"
    assert named("seal", perturb="lsp") == "seal, lsp"
    assert named("mrit", eps=0.1) == "mrit, ε 0.1"
    assert named("strong", eps=0.064) == "strong, ε 0.064"
    assert named("layered", target="permutation", sink=False) == "layered, no sink, target permutation"
    assert named("layered", perturb="tap") == "layered, tap"
    assert named("layered", perturb="tap", through=("jpeg",)) == "layered, tap, through jpeg"
    assert named("seal", perturb="tap", through=["jpeg", "blur"], steps=40) == "seal, tap, steps 40, through jpeg+blur"
    assert named("mrit", sink=False) == "mrit, no sink"
    assert named("mrit", target="cyclic") == "mrit, target cyclic"
    assert named("mrit", surrogate_share=0.5) == "mrit, share 0.5"
    assert (named("balanced", cells=16), named("mrit", cells=2)) == ("balanced, all cells", "mrit, cells 2")
    assert (named("balanced", BIG, cells=16), named("balanced", BIG, cells=2)) == ("balanced", "balanced, cells 2")
    assert named("strong", perturb="noise", eps=0.108) == "strong, noise, ε 0.108"
    for name in SCHEMES:  # the null is of one size, whatever the scheme's own perturbation is
        assert named(name, BIG, perturb="noise") == f"{name}, noise"
    both = DataStats(32, 3, frozenset({1, 3}))
    assert (named("mrit", both), named("mrit", both, tint=False)) == ("mrit", "mrit, grey kept")
    assert (named("mrit-tap", both), named("mrit-tap", both, tint=True)) == ("mrit-tap", "mrit-tap, tinted")
    assert label({"name": "of another version"}) == "of another version"
    strange = stored(SCHEMES["mrit"].resolve(SMALL))
    strange |= {"perturb": {"method": "of another package"}}
    assert label(strange) == "mrit, of another package, options not known here"  # and never plain mrit
    for odd in ({"perturb": 5}, {"perturb": {"x": 1}}, {"data": [1]}, {"hide": 5}, {"perturb": None}):
        assert label(stored(SCHEMES["mrit"]) | odd).startswith("mrit, ")
        assert options_of(stored(SCHEMES["mrit"]) | odd)
    assert label({}) == "None"


FLAT: dict[str, Any] = {  # as releases were until then: all options of all methods in one table
    "name": "mrit", "perturb": "marks", "eps": 0.064, "steps": 20, "layer": "features", "target": "opposite",
    "coarse": False, "tint": None, "sink": True, "cells": 16, "surrogate_share": 1.0, "through": [], "size": None,
    "hide": {"size": 2, "step": 8, "overflow": 0, "pairing": "ranked", "tile": 128}, "method": "mrit", "planes": 8,
    "coders": ["file", "xz", "webp", "interlaced"], "allow_residue": False,
}  # fmt: skip
BALANCED = FLAT | {"name": "balanced", "method": "seal", "cells": 2}


def without(stored: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in stored.items() if name not in names}


def test_names_of_older_releases():
    """What a release is older than is as it was then."""
    assert label(FLAT) == label(without(FLAT, "tint")) == "mrit"
    assert label(without(FLAT, "sink") | {"target": "cyclic"}) == "mrit, no sink, target cyclic"
    assert label(BALANCED) == label(BALANCED | {"coarse": True, "cells": 16}) == "balanced"
    assert label(BALANCED | {"cells": None}) == label(without(BALANCED, "cells")) == "balanced, all cells"
    assert label(FLAT | {"tint": False}) == "mrit, grey kept"
    tap = FLAT | {"name": "mrit-tap", "perturb": "tap", "target": "cyclic", "eps": 0.1}
    assert label(tap) == label(tap | {"eps": None}) == label(tap | {"eps": 0.07, "coarse": None}) == "mrit-tap"
    assert label(FLAT | {"name": "seal", "perturb": "lsp", "method": "seal", "eps": 0.5, "sink": None}) == "seal, lsp"
    assert read(FLAT).hide == read(stored(SCHEMES["mrit"])).hide


def test_what_a_method_does_not_read_identifies_nothing():
    """Two records of one method join whatever another method's options say; of an older one what it has is compared."""
    other = BALANCED | {"hide": FLAT["hide"] | {"pairing": "in-place"}, "steps": 3, "layer": "stage1", "size": 4}
    assert options_of(BALANCED) == options_of(other)
    assert options_of(BALANCED) != options_of(BALANCED | {"planes": 4})
    lsp = stored(SCHEMES["seal"].with_options({"perturb": "lsp"}).resolve(SMALL))
    assert set(lsp["perturb"]) == {"method"}  # no steps, no layer, no pairing
    assert "pairing" not in lsp["hide"]
    now, then = options_of(stored(SCHEMES["balanced"].resolve(SMALL))), options_of(without(BALANCED, "cells"))
    assert "perturb cells" not in then
    assert all(now[name] == then[name] for name in now.keys() & then.keys() - {"tint"})


def test_a_note_identifies_nothing():
    """Rewording a line of --help makes no other scheme, and no other release."""
    reworded = dataclasses.replace(SCHEMES["mrit"], note="in other words")
    assert reworded == SCHEMES["mrit"]
    assert reworded.to_json() == SCHEMES["mrit"].to_json()
    assert "note" not in SCHEMES["mrit"].to_json()


def test_settled():
    """What is left open follows the data; a perturbation of one's own brings its own usual values."""
    usual, asked = SCHEMES["mrit"], SCHEMES["mrit"].with_options({"sink": False, "target": "cyclic"})
    assert (usual.perturb.target, usual.perturb.sink) == ("opposite", True)  # type: ignore[attr-defined]
    assert read(stored(asked)).perturb == asked.perturb
    assert SCHEMES["paper"].with_options({"perturb": "marks"}).perturb.target == "opposite"  # type: ignore[attr-defined]
    assert SCHEMES["layered"].with_options({"perturb": "tap"}).perturb.through == ()  # type: ignore[attr-defined]
    assert SCHEMES["paper"].with_options({"eps": 0.05}).perturb.target == "random"  # type: ignore[attr-defined]
    sizes = {name: [SCHEMES[name].resolve(one).perturb.to_json()["eps"] for one in (SMALL, BIG)] for name in SCHEMES}
    assert sizes["mrit-tap"] == [0.07, 0.1]
    assert sizes["layered-balanced"] == [0.053, 0.058]
    assert sizes["mrit"] == [0.064, 0.064]
    layered = SCHEMES["layered"].resolve(BIG)
    assert read(stored(layered)).perturb.marks.eps == 0.085  # type: ignore[attr-defined]
    for name in SCHEMES:  # once settled, it stays as it is, also read from a file
        for data in (SMALL, BIG):
            once = SCHEMES[name].resolve(data)
            assert once.resolve(data) == once
            assert read(stored(once)).to_json() == once.to_json()


def test_cells():
    """Few cells are of marks alone and of small images, more where they cannot tell so many classes apart."""

    def cells(data: DataStats, name: str = "balanced", **options: object) -> int:
        return SCHEMES[name].with_options(options).resolve(data).perturb.cells  # type: ignore[attr-defined]

    assert [cells(DataStats(32, n)) for n in (10, 64, 65, 2000)] == [2, 2, 4, 16]
    both = DataStats(32, 17, frozenset({1, 3}))
    assert [cells(both, tint=tint) for tint in (None, False)] == [2, 4]  # gray ones in color, or as they are
    assert [cells(DataStats(32, n, frozenset({1}))) for n in (10, 16, 17, 113)] == [2, 2, 4, 16]
    assert [cells(SMALL, name) for name in ("mrit", "seal", "strong", "discreet", "layered")] == [16] * 5
    assert (cells(DataStats(64, 10)), cells(BIG, cells=4)) == (16, 4)


def test_gray_images_get_color_where_there_are_colored_ones():
    """And the perturbation works by colors, or the owner wants it."""
    for channels, name, tint, published in (
        ({1, 3}, "mrit", None, 3), ({1, 3}, "mrit", False, 1), ({1}, "mrit", True, 1), ({3}, "mrit", None, 1),
        ({1, 3}, "mrit-tap", None, 1), ({1, 3}, "mrit-tap", True, 3), ({1, 3}, "layered", None, 3),
    ):  # fmt: skip
        scheme = SCHEMES[name].with_options({} if tint is None else {"tint": tint})
        scheme = scheme.resolve(DataStats(32, 2, frozenset(channels)))
        assert (scheme.published_channels(1), scheme.published_channels(3)) == (published, 3)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mrit", {"planes": 3}, "--max-bit-planes is an option of seal, and this is --hide mrit"),
        ("seal", {"size": 3}, "--block-size is an option of mrit, rdh, rit, and this is --hide seal"),
        ("mrit", {"steps": 3}, "--attack-steps is an option of layered, tap, carve, fsp, pil, dune, and this is"),
        ("mrit", {"max_bit_planes": 3}, "--max-bit-planes is an option of seal, and this is --hide mrit"),
        ("seal", {"max_bit_planes": 3, "planes": 3}, "given twice, under two names"),
        ("mrit", {"colour": 3}, "--colour is no option of marks or mrit"),
        ("mrit", {"eps": 2}, "--eps: expected more than 0 and at most 1, got 2"),
        ("mrit", {"eps": "0.1"}, "--eps: expected a number"),
        ("mrit", {"cells": 3}, "--patch-cells: expected one of 2, 4, 16, got 3"),
        ("mrit", {"perturb": "fog"}, "--perturb: expected one of marks, layered"),
        ("mrit", {"hide": "fog"}, "--hide: expected one of mrit, seal"),
        ("mrit", {"tint": 1}, "--gray-as-rgb: expected True or False"),
        ("seal", {"coders": ("gif",)}, "--codecs: expected one of"),
        ("seal", {"coders": ()}, "--codecs: expected at least one of"),
        ("seal", {"planes": 9}, "--max-bit-planes: expected one of 1, 2"),
        ("paper", {"tile": 0}, "--tile: expected 1..1024"),
        ("mrit-tap", {"surrogate": "x.pt", "surrogates": 2}, "would change nothing"),
    ],
)
def test_options_that_will_not_do(name, options, words):  # type: ignore[no-untyped-def]
    """Refused by name, with what would do."""
    with pytest.raises(UsageError) as caught:
        SCHEMES[name].with_options(options)
    assert words in caught.value.message


def test_promises():
    """What a hiding method cannot keep is refused before any work."""
    assert SCHEMES["seal"].promised(False, True).hide.coders == ("file", "xz")  # type: ignore[attr-defined]
    assert SCHEMES["mrit"].promised(True, False) == SCHEMES["mrit"]
    with pytest.raises(UsageError, match="--lossy is mRIT's"):
        SCHEMES["seal"].promised(True, False)
    with pytest.raises(UsageError, match="contradict"):
        SCHEMES["seal"].with_options({"coders": "webp"}).promised(False, True)
    with pytest.raises(UsageError, match="--scheme: expected one of mrit"):
        find("nosuch")


def test_fitting_is_of_its_share(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A part of each class, by the owner's seed; and what is found survives a file."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    draw = np.random.default_rng(0)
    data = ImageSet(draw.integers(0, 256, (60, 16, 16, 3)).astype(np.uint8), np.arange(60) % 3, ["a", "b", "c"], "")
    whole, half = (SCHEMES["mrit"].with_options({"surrogate_share": share}) for share in (1.0, 0.5))
    context = FitContext(("a", "b", "c"), 5)
    assert whole.fit(data, context).digest != half.fit(data, context).digest
    fitted = half.fit(data, context)
    fitted.write(tmp_path / "x.npz")
    again = Fitted.read(tmp_path / "x.npz")
    assert again is not None
    assert (again.digest, again.files) == (fitted.digest, fitted.files)
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-40])
    assert Fitted.read(tmp_path / "x.npz") is None
    assert Fitted.read(tmp_path / "nowhere") is None


def test_who_takes_images_without_a_label():
    """What the owner is told of them is what is done: noise, or what the method has for them."""
    for name, kind in (("mrit-tap", Noise), ("carve", Carve)):
        scheme = SCHEMES[name].resolve(SMALL)
        assert isinstance(scheme.protector(Fitted(), Run()).without_label, kind)
        assert (scheme.without_label == "noise") == (kind is Noise)
    replacing = [one for one in PERTURBATIONS.working().values() if one.replaces and Need.CLASSES in one.needs]
    assert replacing
    assert all(one.without_label for one in replacing)  # noise would be added to their whole content
