"""Networks on a release of scheme `privdl`: with the key the outputs for clean images, without it those for noise."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import crop, good, make_source, png_bytes, refused
from releases import KEY

import ripguard
from ripguard import api
from ripguard.errors import WrongKey
from ripguard.train.privdl.release import measure
from ripguard.train.saved import load

pytestmark = pytest.mark.numeric
SHORT = ("--protocol", "smoke", "--epochs", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """A folder with the key `k`, the release `r` of 120 photographs, and `clean.pt`, trained with the key."""
    place = tmp_path_factory.mktemp("privdl")
    KEY.write(place / "k")
    good("protect", "photos", place / "r", "--key-file", place / "k", "--scheme", "privdl", "--limit", "120",
         "--workers", "1")  # fmt: skip
    done = good("privdl", "train", place / "r", "--key-file", place / "k", "--out", place / "clean.pt", *SHORT)
    assert (done["trained_on"], done["pictures"], done["out"]) == ("clean", 60, str(place / "clean.pt"))
    return place


def test_with_the_key_the_outputs_are_those_for_clean_images(made):  # type: ignore[no-untyped-def]
    rows = good("privdl", "infer", made / "r", made / "clean.pt", "--key-file", made / "k", "--split", "test")["images"]
    network, classes = load(made / "clean.pt")
    data = ripguard.ProtectedDataset(made / "r", made / "k", "test")
    shares = torch.from_numpy(network.logits(np.stack(data.images(range(len(data)))))).softmax(1)
    by_path = {row["path"]: row for row in rows}
    assert sorted(by_path) == sorted(data.names)
    for name, own in zip(data.names, shares):
        assert abs(by_path[name]["share"] - float(own.max())) < 1e-3
        assert float(own[classes.index(by_path[name]["class"])]) > float(own.max()) - 1e-3
    found = good("privdl", "test", made / "r", made / "clean.pt", "--key-file", made / "k")
    right = np.mean([by_path[name]["class"] == name.split("/")[1] for name in data.names])
    assert (found["images"], found["split"], found["with_key"]) == (60, "test", True)
    assert found["accuracy"] == round(100 * float(right), 3)


def test_without_the_key(made, monkeypatch):  # type: ignore[no-untyped-def]
    """The network as it is; `--no-key` counts, whatever the environment names; anybody can train on the noise."""
    with_key = api.privdl_infer(made / "r", made / "clean.pt", made / "k")
    without = api.privdl_infer(made / "r", made / "clean.pt")
    assert len(with_key) == len(without) == 120
    assert [row["share"] for row in with_key] != [row["share"] for row in without]
    monkeypatch.setenv("RIPGUARD_KEY_FILE", str(made / "k"))
    assert good("privdl", "test", made / "r", made / "clean.pt")["with_key"]
    assert not good("privdl", "test", made / "r", made / "clean.pt", "--no-key")["with_key"]
    out = made / "scrambled.pt"
    done = good("privdl", "train", made / "r", "--no-key", "--out", out, *SHORT)
    assert (done["trained_on"], done["pictures"]) == ("scrambled", 60)
    assert done["test_accuracy"] == good("privdl", "test", made / "r", out, "--no-key")["accuracy"]


def test_refusals(made, tmp_path):  # type: ignore[no-untyped-def]
    """One sentence each, and a stable code."""
    key, model, other = ("--key-file", made / "k"), made / "clean.pt", tmp_path / "other"
    refused(8, "privdl", "train", made / "r", *key, "--out", model)
    assert "no network" in refused(3, "privdl", "test", made / "r", made / "k")
    assert "cannot be read" in refused(3, "privdl", "test", made / "r", tmp_path / "none.pt")
    assert "no split 'x'" in refused(3, "privdl", "infer", made / "r", model, "--split", "x")
    good("keygen", "--out", other)
    assert "wrong key" in refused(4, "privdl", "infer", made / "r", model, "--key-file", other)
    spoiled = shutil.copytree(made / "r", tmp_path / "spoiled")
    first, second, *_ = sorted((spoiled / "test").rglob("*.png"))
    first.write_bytes(second.read_bytes())
    second.unlink()
    said = refused(5, "privdl", "test", spoiled, model, *key)
    assert "2 images" in said
    assert all(str(path.relative_to(spoiled)) in said for path in (first, second))


def test_what_could_not_be_tested_is_not_trained(made, tmp_path):  # type: ignore[no-untyped-def]
    """A model that cannot be converted, an order for each image, images that are too small for the model."""
    key, out = ("--key-file", made / "k"), tmp_path / "model.pt"
    for model in ("vit-small", "fastnet-thumbnail"):
        assert f"--model {model}: privdl:" in refused(
            2, "privdl", "train", made / "r", *key, "--out", out, *SHORT, "--model", model
        )
    own = ("--scheme", "privdl", "--workers", "1")
    good("protect", "photos", tmp_path / "own", *key, "--limit", "20", *own, "--per-image")
    assert "an order of its own" in refused(2, "privdl", "train", tmp_path / "own", *key, "--out", out, *SHORT)
    for number in range(4):
        place = tmp_path / "small" / "train" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(number, 8, 8)))
    good("protect", tmp_path / "small", tmp_path / "r8", *key, *own)
    for words in (("privdl", "train", tmp_path / "r8", *key), ("privdl", "train", tmp_path / "r8", "--no-key"),
                  ("train", tmp_path / "r8", *key)):  # fmt: skip
        said = refused(3, *words, "--out", out, *SHORT, "--model", "fastnet")
        assert "fastnet does not take images of 8×8 pixels" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "r8", "small"]


def test_images_without_a_label_are_left_out(made, tmp_path):  # type: ignore[no-untyped-def]
    """With the key and without it, in training and in testing."""
    for number in range(10):
        place = tmp_path / "s" / ("train" if number < 5 else "test") / ("a", "b", "a", "b", "")[number % 5]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(png_bytes(crop(number)))
    good("protect", tmp_path / "s", tmp_path / "r", "--key-file", made / "k", "--scheme", "privdl", "--workers", "1")
    for name, key in (("clean", ("--key-file", made / "k")), ("scrambled", ("--no-key",))):
        done = good("privdl", "train", tmp_path / "r", *key, "--out", tmp_path / f"{name}.pt", *SHORT)
        assert (done["trained_on"], done["pictures"]) == (name, 4)
        assert done["test_accuracy"] is not None


def test_headers_that_are_no_headers(made, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The owner of a release can write anything into its manifest."""
    import ripguard.release.shard

    rows = ripguard.release.shard._rows

    def crafted(*given):  # type: ignore[no-untyped-def]
        blob, found = rows(*given)
        return blob, [row | {"header": "00"} for row in found]

    monkeypatch.setattr(ripguard.release.shard, "_rows", crafted)
    good("protect", "photos", tmp_path / "r", "--key-file", made / "k", "--limit", "20", "--scheme", "privdl",
         "--workers", "1")  # fmt: skip
    for key in (("--no-key",), ("--key-file", made / "k")):
        said = refused(5, "privdl", "train", tmp_path / "r", *key, "--out", tmp_path / "m.pt", *SHORT)
        assert "header" in said


def test_releases_that_no_network_reads(made, tmp_path):  # type: ignore[no-untyped-def]
    """An order for each image, another scheme, several sizes, other classes; the key of a unit."""
    key, model = ("--key-file", made / "k"), made / "clean.pt"
    for name, more in (("own", ("--scheme", "privdl", "--per-image")), ("marks", ("--perturb", "none"))):
        good("protect", "photos", tmp_path / name, *key, "--limit", "20", "--workers", "1", *more)
    assert "an order of its own" in refused(2, "privdl", "test", tmp_path / "own", model, *key)
    assert good("privdl", "test", tmp_path / "own", model)["images"] == 10
    assert "not of scheme privdl" in refused(2, "privdl", "test", tmp_path / "marks", model)
    source = make_source(tmp_path / "source")
    good("protect", source, tmp_path / "mixed", *key, "--scheme", "privdl", "--workers", "1")
    assert "images of one size" in refused(3, "privdl", "train", tmp_path / "mixed", "--out", tmp_path / "m.pt")
    assert "knows the classes" in refused(3, "privdl", "infer", tmp_path / "mixed", model)
    unit = KEY.dataset(bytes.fromhex(good("inspect", made / "r")["dataset_id"])).unit(0)
    with pytest.raises(WrongKey, match="whole release"):
        measure(Path(made / "r"), model, unit, signer="any")
