"""Measurements: equal to scikit-image, from the files on disk, and they notice what is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from helpers import call, crop, good, make_source, refused
from measurements import RUN, victim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ripguard.benchmark import report as report_file
from ripguard.benchmark.figures import confusion
from ripguard.benchmark.record import environment
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.images.quality import likeness
from ripguard.perturb import surrogate


def test_likeness_is_scikit_images():
    """PSNR and SSIM; equal images; images too small for a window."""
    a, b = crop(0), crop(1)
    found = likeness(a, b)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(a, b), abs=1e-3)
    assert found["ssim"] == pytest.approx(structural_similarity(a, b, channel_axis=2), abs=1e-5)
    assert likeness(a, a) == {"psnr": 99.0, "ssim": 1.0}
    gray = a[:, :, :1]
    assert likeness(gray, b) == likeness(np.repeat(gray, 3, axis=2), b)
    assert likeness(a[:3, :3], b[:3, :3])["ssim"] is None
    assert likeness(a[:, :, :1], b[:, :, :1])["ssim"] == pytest.approx(
        structural_similarity(a[:, :, 0], b[:, :, 0]), abs=1e-5
    )


def test_report_counts_what_is_on_disk(tmp_path):  # type: ignore[no-untyped-def]
    """All restored images equal; one altered file is noticed and ends with exit 10."""
    source, key = make_source(tmp_path / "s"), tmp_path / "k"
    good("keygen", "--out", key)
    made = good("protect", source, tmp_path / "r", "--key-file", key, "--perturb", "none")
    good("restore", tmp_path / "r", tmp_path / "back", "--key-file", key)
    command = ("report", tmp_path / "r", "--against", source, "--restored", tmp_path / "back")
    found = good(*command)
    assert (found["pictures"], found["restored_equal"], made["residue_over_bound"]) == (30, 30, 0)
    altered = tmp_path / "back/train/cup/0.png"
    image = read_image(altered).copy()
    image[0, 0, 0] ^= 1
    altered.write_bytes(png_bytes(image))
    code, out, _ = call(*command, "--json")
    assert code == 10
    assert '"restored_equal": 29' in out


def test_environment():
    """Records say where they come from."""
    found = environment()
    assert {"date", "commit", "hardware", "versions"} <= set(found)
    assert found["versions"]["numpy"] == np.__version__


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """Source, release, and a surrogate of other classes."""
    place = tmp_path_factory.mktemp("report")
    source, key = make_source(place / "s"), place / "k"
    good("keygen", "--out", key)
    good("protect", source, place / "r", "--key-file", key, "--perturb", "none")
    settings = surrogate.Settings(widths=(8, 8, 8, 8))
    for name, classes in (("other", ["dog", "horse"]), ("own", ["cat", "cup", "face"])):
        surrogate.save(surrogate.Surrogate(len(classes), settings), classes, settings, place / f"{name}.pt")
    return place


def test_damaged_images_are_listed_and_left_out(made, tmp_path):  # type: ignore[no-untyped-def]
    """Another size, another number of channels, rot, nothing at all: the rest is measured, exit code 10."""
    release = tmp_path / "r"
    shutil.copytree(made / "r", release)
    own = good("report", made / "r", "--against", made / "s", "--surrogate", made / "own.pt")
    assert own["damaged"] == []
    (release / "train/cat/0.png").write_bytes(png_bytes(crop(0, 16, 40)))
    (release / "train/cat/1.png").write_bytes(b"\x89PNG rot")
    (release / "train/cup/0.png").unlink()
    (release / "train/face/0.png").write_bytes(png_bytes(crop(0)[:, :, :1]))
    more = ("--surrogate", made / "own.pt", "--grid", tmp_path / "grid.png")
    code, out, err = call("report", release, "--against", made / "s", *more, "--json")
    found = json.loads(out)
    assert code == 10
    assert "3 published images are damaged" in err
    assert found["damaged"] == ["train/cat/0.png", "train/cat/1.png", "train/cup/0.png"]
    assert found["pictures"] == own["pictures"] - 3
    assert (tmp_path / "grid.png").stat().st_size > 10_000
    for image in release.rglob("*.png"):
        image.write_bytes(b"\x89PNG rot")
    said = refused(10, "report", release, "--against", made / "s")
    assert "no published image can be compared" in said


def test_damaged_restored_images_are_not_equal(made, tmp_path):  # type: ignore[no-untyped-def]
    """Rot among them is counted, and no defect."""
    good("restore", made / "r", tmp_path / "back", "--key-file", made / "k")
    (tmp_path / "back/train/cat/0.png").write_bytes(b"\x89PNG rot")
    command = ("report", made / "r", "--against", made / "s", "--restored", tmp_path / "back")
    code, out, _ = call(*command, "--grid", tmp_path / "grid.png", "--json")
    assert (code, json.loads(out)["restored_equal"]) == (10, 29)
    assert (tmp_path / "grid.png").exists()


def test_a_surrogate_of_other_classes(made, monkeypatch):  # type: ignore[no-untyped-def]
    """Refused before any image is measured, with both lists."""
    monkeypatch.setattr(report_file, "_measure", None)
    said = refused(3, "report", made / "r", "--against", made / "s", "--surrogate", made / "other.pt")
    assert "dog, horse" in said
    assert "cat, cup, face" in said


@pytest.mark.parametrize("name", ["x.txt", "x", "folder.png", "file/x.png"])
def test_places_where_no_grid_can_be(name, made, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Refused before any work: another kind of file, a folder, below a file."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(report_file, "report", None)
    code = 9 if name.startswith("file") else 2
    said = refused(code, "report", made / "r", "--against", made / "s", "--grid", tmp_path / name)
    assert "--grid" in said or "cannot write" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


def test_class_names_are_no_formulas(tmp_path):  # type: ignore[no-untyped-def]
    """Dollars and braces, letters that the font lacks: drawn as they are, without a word of warning."""
    source, key = tmp_path / "s", tmp_path / "k"
    for number, label in enumerate(("$\\frac{$", "$x_{$", "猫の", "a_b^c")):
        (source / label).mkdir(parents=True)
        (source / label / "0.png").write_bytes(png_bytes(crop(number)))
    good("keygen", "--out", key)
    good("protect", source, tmp_path / "r", "--key-file", key, "--perturb", "none")
    code, _, said = call("report", tmp_path / "r", "--against", source, "--grid", tmp_path / "g" / "grid.png")
    assert (code, said) == (0, "")
    assert [p.name for p in (tmp_path / "g").iterdir()] == ["grid.png"]
    names = ["$\\frac{$", "$x_{$"]
    matrix = {"confusion": [[1, 0], [0, 1]]}
    one = replace(victim("clean", 0, 50.0, metrics=matrix), provenance=RUN | {"classes": names})
    assert confusion([one], tmp_path / "confusion.png")
