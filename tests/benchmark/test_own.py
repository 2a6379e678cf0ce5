"""`ripguard evaluate`: a release of one's own, measured now, on images that no model was trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, make_source, refused, tree_digest

import ripguard
from ripguard.benchmark.own import evaluate, train_and_test
from ripguard.data.registry import open_source
from ripguard.data.source import Item
from ripguard.errors import InputRefused, UsageError, VerifyFailed
from ripguard.images.encoding import png_bytes


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """Key, source with train and test, and its release."""
    place = tmp_path_factory.mktemp("own")
    source = make_source(place / "source")
    ripguard.keygen(place / "k")
    ripguard.protect(source, place / "out", place / "k", workers=1)
    return place


@pytest.mark.slow
@pytest.mark.numeric
def test_a_protected_release_teaches_less(tmp_path):  # type: ignore[no-untyped-def]
    """On photographs, with marks: clean images teach, published ones hardly."""
    ripguard.keygen(tmp_path / "k")
    ripguard.protect("photos", tmp_path / "out", tmp_path / "k", limit=4000, workers=1)
    found = ripguard.api.evaluate(tmp_path / "out", "photos", epochs=8, workers=1)
    assert [row.training_set for row in found.rows] == ["clean", "protected"]
    assert (found.held_out, found.classes) == (False, 10)
    assert found.of("clean")[0] > 80
    assert found.of("protected")[0] < found.of("clean")[0] - 40
    assert found.rows[0].images == found.rows[1].images


def test_through_the_command_line(made, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Rows for every seed, as JSON and as a table; nothing is left behind, in the release, here, or in the cache."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    before = tree_digest(made / "out")
    command = ("evaluate", made / "out", "--source", made / "source", "--epochs", "1", "--seeds", "0,3")
    found = good(*command, "--workers", "1")
    assert [(row["training_set"], row["seed"]) for row in found["rows"]] == [
        ("clean", 0), ("protected", 0), ("clean", 3), ("protected", 3),
    ]  # fmt: skip
    assert (found["test_images"], found["held_out"], found["epochs"]) == (6, False, 1)
    assert found["chance"] == pytest.approx(100 / 3, abs=0.01)
    code, out, err = call(*command[:-2], "--workers", "1")
    assert code == 0
    assert "trained on" in out
    assert "24 images to train on, 6 clean ones to test on: the source's test split" in err
    assert tree_digest(made / "out") == before
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]


def test_held_out(tmp_path):  # type: ignore[no-untyped-def]
    """Without a test split a fifth of each class, the same ones for clean and published images, and told before."""
    for number in range(24):
        path = tmp_path / f"source/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(crop(number, 16, 16)))
    ripguard.keygen(tmp_path / "k")
    ripguard.protect(tmp_path / "source", tmp_path / "out", tmp_path / "k", workers=1)
    code, out, err = call("evaluate", tmp_path / "out", "--source", tmp_path / "source", "--epochs", "1", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["held_out"], found["test_images"], found["rows"][1]["images"]) == (True, 4, 20)
    assert "held out of both" in err


def items(labels: str) -> list[Item]:
    return [Item(f"train/{label}/{i}.png", Path("x"), "train", label) for i, label in enumerate(labels)]


def test_what_is_held_out():
    """Of every class, never trained on, the same for the same names whatever else is there."""
    train, test, held_out = train_and_test(items("ab" * 20))
    assert held_out
    assert not set(train) & set(test)
    assert len(train) + len(test) == 40
    assert [sum(i % 2 == part for i in test) for part in (0, 1)] == [4, 4]
    names = {items("ab" * 20)[i].name for i in test if i % 2 == 0}
    only = items("ab" * 20)[::2]
    assert {only[i].name for i in train_and_test(only)[1]} == names
    with pytest.raises(InputRefused, match="class a has 4 images: too few"):
        train_and_test(items("aaaabbbbbbbbbbbbbbb"))


def test_refusals(made, tmp_path):  # type: ignore[no-untyped-def]
    """Names that do not exist, another source, no source, no release: a sentence and a code each."""
    source = open_source(str(made / "source"))
    with pytest.raises(UsageError, match="--protocol"):
        evaluate(made / "out", source, "nosuch")
    with pytest.raises(UsageError, match="--model"):
        evaluate(made / "out", source, model="nosuch")
    (tmp_path / "other" / "x").mkdir(parents=True)
    (tmp_path / "other/x/1.png").write_bytes(png_bytes(np.zeros((8, 8, 3), np.uint8)))
    with pytest.raises(VerifyFailed, match="was not made from"):
        evaluate(made / "out", open_source(str(tmp_path / "other")))
    assert "--source" in refused(2, "evaluate", made / "out")
    refused(6, "evaluate", tmp_path, "--source", made / "source")
    assert "--seeds" in refused(2, "evaluate", made / "out", "--source", made / "source", "--seeds", "x")
