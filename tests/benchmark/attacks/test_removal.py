"""The registry of removal attacks: which fits which scheme, with the draws of `undo.py`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ripguard.benchmark.attacks import synthetic_pairs
from ripguard.benchmark.attacks.class_means import without_class_means
from ripguard.benchmark.attacks.class_patterns import without_patterns
from ripguard.benchmark.attacks.removal import LABELS, REMOVALS, TWICE, Aid, made_again
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.errors import UsageError
from ripguard.methods.params import DataStats
from ripguard.perturb.dune import DUNEParams
from ripguard.perturb.em import EMParams
from ripguard.perturb.marks import Marks
from ripguard.schemes.presets import SCHEMES

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def clean() -> ImageSet:
    return load([item for item in open_source("photos").items if item.split == "train"][::50])


def test_which_fit():
    """Marks can be made again, a perturbation of a model cannot; what lies below marks is in layered schemes only."""
    fitting = {name: [one.name for one in REMOVALS.values() if one.fits(SCHEMES[name])] for name in SCHEMES}
    assert fitting["mrit"] == ["class-patterns", LABELS, "synthetic-pairs"]
    assert fitting["layered"] == ["class-patterns", LABELS, "synthetic-pairs", TWICE]
    assert fitting["mrit-tap"] == fitting["paper"] == ["class-patterns"]
    em = dataclasses.replace(SCHEMES["seal"], perturb=EMParams())
    assert [one.name for one in REMOVALS.values() if one.fits(em)] == ["class-patterns"]
    dune = dataclasses.replace(SCHEMES["seal"], perturb=DUNEParams())
    assert [one.name for one in REMOVALS.values() if one.fits(dune)] == ["class-patterns", "class-means", "class-cells"]


def test_class_means_are_those_of_their_file(clean):  # type: ignore[no-untyped-def]
    """One registry for `undo.py`, `peers.py` and the audit; the owner's images are not looked at."""
    nothing = dataclasses.replace(clean, images=clean.images[:0], labels=clean.labels[:0])
    for name, grid in (("class-means", 1), ("class-cells", 4)):
        got = REMOVALS[name].remove(clean, SCHEMES["seal"], 0, "cpu", Aid(nothing))
        wanted = without_class_means(clean.images, clean.labels, len(clean.names), grid)
        np.testing.assert_array_equal(got, wanted)


def test_class_patterns_needs_nothing_of_the_owner(clean):  # type: ignore[no-untyped-def]
    """It is the attack of its file with the public span; the owner's images are not looked at."""
    scheme, classes = SCHEMES["mrit"].resolve(DataStats(32, 10)), len(clean.names)
    nothing = dataclasses.replace(clean, images=clean.images[:0], labels=clean.labels[:0])
    got = REMOVALS["class-patterns"].remove(clean, scheme, 0, "cpu", Aid(nothing))
    span = Marks.public_span(scheme.perturb, classes, (32, 32))
    np.testing.assert_array_equal(got, without_patterns(clean.images, clean.labels, classes, span))


@pytest.mark.parametrize(("name", "labels"), [("synthetic-pairs", False), (LABELS, True)])
def test_draws_are_those_of_undo(clean, monkeypatch, name, labels):  # type: ignore[no-untyped-def]
    """Seed + 1, after the order of leaked images; marks fitted to the owner's images; arguments reach the U-Net."""
    scheme, seen = SCHEMES["layered"].resolve(DataStats(32, 10)), []
    monkeypatch.setattr(synthetic_pairs, "marks_off", lambda *arguments: seen.append(arguments) or clean.images)
    REMOVALS[name].remove(clean, scheme, 4, "cpu", Aid(clean, 7))
    _, _, classes, again, told, draw, steps, seed, device = seen[0]
    assert (classes, told, steps, seed, device) == (10, labels, 7, 4, "cpu")
    other = np.random.default_rng(5)
    other.permutation(len(clean.labels))
    np.testing.assert_array_equal(draw.integers(0, 2**63, 9), other.integers(0, 2**63, 9))
    np.testing.assert_array_equal(again.patches, made_again(scheme, clean).patches)
    assert isinstance(again, Marks)


def test_twice_takes_what_was_left(clean, monkeypatch):  # type: ignore[no-untyped-def]
    """The images without marks, made only if they are not there; refused for a scheme without anything below marks."""
    scheme, seen = SCHEMES["layered"].resolve(DataStats(32, 10)), []
    monkeypatch.setattr(synthetic_pairs, "perturbation_off", lambda *arguments: seen.append(arguments) or clean.images)
    monkeypatch.setattr(synthetic_pairs, "marks_off", lambda *arguments: clean.images // 2)
    REMOVALS[TWICE].remove(clean, scheme, 0, "cpu", Aid(clean, left={LABELS: clean.images // 4}))
    REMOVALS[TWICE].remove(clean, scheme, 0, "cpu", Aid(clean))
    for arguments, divisor in zip(seen, (4, 2)):
        np.testing.assert_array_equal(arguments[0], clean.images // divisor)
        np.testing.assert_array_equal(arguments[3], (clean.labels + 1) % 10)
    with pytest.raises(UsageError, match="none below"):
        REMOVALS[TWICE].remove(clean, SCHEMES["mrit"], 0, "cpu", Aid(clean))
