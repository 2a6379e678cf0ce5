"""`ripguard audit`: rows, budget, resumption, and a page without secrets, on a tiny release."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import call, crop, good, refused, tree_digest
from PIL import Image

import ripguard
from ripguard.benchmark.audit import model, plan, prepared, run, size
from ripguard.benchmark.audit.clock import Budget
from ripguard.benchmark.audit.images import Images, order_of
from ripguard.benchmark.audit.plan import attacks, label_counts
from ripguard.benchmark.defences import DEFENCES
from ripguard.cli.main import main
from ripguard.crypto.keys import Key
from ripguard.errors import OutputRefused
from ripguard.images.encoding import png_bytes
from ripguard.progress import Progress, reported_to
from ripguard.release.manifest import Release
from ripguard.schemes.presets import SCHEMES
from ripguard.train import objectives
from ripguard.train.protocols import PROTOCOLS

CLASSES = ("cat", "cup", "face")


class Ticks:
    """A clock that passes ``tick`` seconds whenever it is looked at."""

    def __init__(self, tick: float) -> None:
        self.tick, self.seconds = tick, 0.0

    def __call__(self) -> float:
        self.seconds += self.tick
        return self.seconds


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    """A folder of classes without splits, JPEG files, and its release."""
    place = tmp_path_factory.mktemp("audit")
    for number in range(60):
        path = place / f"source/{CLASSES[number % 3]}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(number, 16, 16)).save(path, quality=95)
    ripguard.keygen(place / "k")
    ripguard.protect(place / "source", place / "out", place / "k", workers=1)
    return place


@pytest.fixture(scope="module", autouse=True)
def short() -> Iterator[None]:
    """Few steps, and of the defences: one on images, one in training, one without its library, one without a model."""
    chosen = {name: DEFENCES[name] for name in ("none", "grayscale", "cutout", "ueraser-max", "pretrained")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "kornia", None)
        objectives.augmentations.cache_clear()
        patch.setattr(size, "STEPS", 1)
        patch.setattr(size, "UNET_STEPS", (2, 2))
        patch.setattr(plan, "DEFENCES", chosen)
        patch.setattr(prepared, "HEAD_SECONDS", 0.1)
        for split in prepared.RESTORING:
            patch.setitem(prepared.RESTORING, split, 1.0)
        yield
    objectives.augmentations.cache_clear()


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))


def audited(made: Path, out: Path, minutes: float = 60, tick: float = 1e-3, **more: Any) -> tuple[Any, Ticks]:
    clock = Ticks(tick)
    key = Key.read(made / "k")
    given = {"images": 48, "protocol": "smoke"} | more
    return run.audit(made / "out", key, out, minutes, now=clock, **given), clock


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):  # type: ignore[no-untyped-def]
    """An audit with time for everything."""
    place = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIPGUARD_CACHE", str(place / "cache"))
        before = tree_digest(made / "out")
        found, _ = audited(made, place / "a")
        assert tree_digest(made / "out") == before
        assert not [path for path in (place / "cache").rglob("*.pt") if path.parent.name == "audit"]
    return found


def test_rows(whole):  # type: ignore[no-untyped-def]
    """Clean, plain, every removal that fits, the labels alone, and defences; what is impossible has a reason."""
    names = [row.attack for row in whole.rows]
    assert names == [
        "clean", "plain", "class-patterns", "alone-12", "synthetic-pairs-labels", "grayscale",
        "synthetic-pairs", "cutout",
    ]  # fmt: skip
    reasons = {one.attack: one.why for one in whole.not_tried if not one.possible}
    assert len(reasons) == len(whole.not_tried)
    assert "kornia" in reasons.pop("ueraser-max")
    assert "other images" in reasons.pop("pretrained")
    for name in ("synthetic-pairs-twice", "class-means", "class-cells"):
        assert "no perturbation of the kind" in reasons.pop(name)
    assert not reasons
    assert whole.row("clean").readings.keys() == {"as trained"}
    assert whole.row("plain").readings.keys() == {"as trained", "standardized", "permutation, 12", "head, 12"}
    assert whole.row("cutout").readings.keys() == {"as trained", "standardized", "permutation, 12"}
    assert {row.images for row in whole.rows if row.kind != "alone"} == {48}
    assert (whole.row("alone-12").images, whole.row("synthetic-pairs").steps) == (12, 2)
    assert (whole.test_images, whole.held_out, whole.scheme, whole.labels) == (12, True, "mrit", [12])
    assert whole.chance == pytest.approx(100 / 3, abs=0.01)
    assert whole.aware[1] == max(
        row.without_labels[1] for row in whole.rows if row.kind in ("plain", "removal", "defence")
    )
    assert whole.sentence


def test_the_page(made, whole):  # type: ignore[no-untyped-def]
    """One well-formed file that loads nothing, with the sentence, each attack and a plot."""
    text = Path(whole.page).read_text("utf-8")
    tree = ET.fromstring(text.removeprefix("<!doctype html>"))
    words = " ".join(tree.itertext()).replace("\xa0", " ")
    assert whole.sentence in words
    assert all(row.attack in words for row in (*whole.rows, *whole.not_tried) if hasattr(row, "attack"))
    drawn = [" ".join("".join(one.itertext()).split()) for one in tree.iter("div") if one.get("class") == "row"]
    assert len(drawn) == len(whole.rows) - 1 + len(whole.labels)  # clean training is a line
    assert any(one.startswith("grayscale") for one in drawn)
    assert "http" not in text
    assert not [one for one in tree.iter() if one.tag in ("script", "link", "iframe")]


def test_no_secrets(made, whole):  # type: ignore[no-untyped-def]
    """The folder has the rows and the page: neither key material, nor images, nor paths of this machine."""
    folder = Path(whole.page).parent
    assert sorted(path.name for path in folder.iterdir()) == ["audit.html", "rows.jsonl"]
    secret = Key.read(made / "k")
    text = "".join(path.read_text("utf-8") for path in folder.iterdir())
    lines = [line for line in (made / "k").read_text().split() if len(line) > 20]
    assert lines
    assert not [line for line in lines if line in text]
    assert repr(secret) not in text
    assert str(made) not in text
    assert not [name for name in ("0.jpg", "cat/") if name in text]


def test_the_budget_and_the_way_on(made, whole, tmp_path):  # type: ignore[no-untyped-def]
    """A call ends within its budget and lists the rest; stopped calls end with the rows of a whole one."""
    minutes, rows = 0.08, list[int]()
    for _ in range(12):
        found, clock = audited(made, tmp_path / "a", minutes, tick=0.02)
        reasons = {one.attack: one.why for one in found.not_tried if not one.possible}
        assert reasons.keys() == {"ueraser-max", "pretrained", "synthetic-pairs-twice", "class-means", "class-cells"}
        assert run.SPENT not in reasons.values()
        assert "synthetic-pairs-twice" not in found.numbers.removals_left
        assert clock.seconds <= 1.1 * 60 * minutes
        rows.append(len(found.rows))
        left = [one for one in found.not_tried if one.possible]
        assert all(one.why for one in left)
        if not left:
            break
    assert rows[0] < rows[-1] == len(whole.rows)
    assert rows == sorted(rows)
    assert {row.attack: row.readings for row in found.rows} == {row.attack: row.readings for row in whole.rows}


def test_another_audit_is_not_continued(made, whole, tmp_path):  # type: ignore[no-untyped-def]
    """Other options, other files, and a folder that is published: refused before any work."""
    folder = Path(whole.page).parent
    command = ("audit", made / "out", "--key-file", made / "k")
    assert "another" in refused(8, *command, "--out", folder, "--seed", "1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    assert "not an empty" in refused(8, *command, "--out", tmp_path / "full")
    (tmp_path / "full/rows.jsonl").write_text("[]\n")
    assert "no rows" in refused(8, *command, "--out", tmp_path / "full")
    assert "inside the release" in refused(8, *command, "--out", made / "out" / "audit")
    ripguard.keygen(tmp_path / "other")
    refused(4, "audit", made / "out", "--key-file", tmp_path / "other")
    refused(2, *command, "--protocol", "nosuch")
    refused(2, *command, "--budget", "0")
    refused(2, "audit", made / "out")
    assert "longer --budget" in refused(2, *command, "--budget", "0.00001", "--out", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ripguard.RipguardError, match="budget"):
        ripguard.audit(made / "out", made / "k", budget=float("nan"))


def test_a_dry_run_writes_nothing(made, tmp_path):  # type: ignore[no-untyped-def]
    """The whole plan with estimates, as JSON and as lines."""
    before = {path.name for path in made.iterdir()}
    found = good("audit", made / "out", "--key-file", made / "k", "--dry-run", "--out", tmp_path / "a")
    assert found["rows"] == []
    assert [one["attack"] for one in found["not_tried"]][:3] == ["clean", "plain", "class-patterns"]
    assert all((one["minutes"] is None) == bool(one["why"]) == (not one["possible"]) for one in found["not_tried"])
    assert not (tmp_path / "a").exists()
    assert {path.name for path in made.iterdir()} == before


def test_through_the_command_line(made, whole, tmp_path):  # type: ignore[no-untyped-def]
    """Rows that are there are not trained again; the sentence, the table and the page are printed."""
    place = tmp_path / "a"
    place.mkdir()
    rows = (Path(whole.page).parent / "rows.jsonl").read_text()
    (place / "rows.jsonl").write_text(rows)
    code, out, err = call(
        "audit",
        made / "out",
        "--key-file",
        made / "k",
        "--out",
        place,
        "--images",
        "48",
        "--protocol",
        "smoke",
        "--budget",
        "0.2",
    )
    assert code == 0, err
    assert whole.sentence in out
    assert "most frequent class" in out
    assert f"page: {place / 'audit.html'}" in out
    assert (place / "rows.jsonl").read_text().startswith(rows)


def test_clean_images_are_those_of_the_source(made):  # type: ignore[no-untyped-def]
    """Restored, or read from the source: the same images in the same order as the published ones."""
    release, key = Release.open(made / "out"), Key.read(made / "k")
    restored = Images(release, key)
    pairs = restored.pairs(20)
    read = Images(release, key, ripguard.api.read_source(made / "source")).pairs(20)
    np.testing.assert_array_equal(pairs.clean.images, read.clean.images)
    np.testing.assert_array_equal(pairs.clean.labels, pairs.published.labels)
    assert sorted(pairs.drawn) == list(range(20))
    assert (pairs.clean.images != pairs.published.images).any()
    assert np.abs(pairs.clean.images.astype(int) - pairs.published.images).mean() < 40
    names = {one.name for one in restored.train}
    assert not names & {one.name for one in restored.test}


def test_order_has_all_classes_from_the_start():
    labels = list("aaaaaaaaaaaaaaaaaaaabbbbbc")
    order = order_of(labels, 3)
    assert sorted(order) == list(range(26))
    assert {labels[i] for i in order[:3]} == {"a", "b", "c"}
    assert 6 <= sum(labels[i] == "a" for i in order[:13]) <= 11
    assert not np.array_equal(order, order_of(labels, 4))


def test_sizes(monkeypatch):  # type: ignore[no-untyped-def]
    """A model takes at most a tenth of the budget; few images get more epochs; a fast machine takes all images."""
    monkeypatch.setattr(size, "STEPS", 200)
    recipe, budget = PROTOCOLS["small"], Budget(10, lambda: 0.0)
    for speed in (300.0, 800.0, 5000.0):
        got = size.choose(speed, budget, 50_000, 10, recipe)
        assert got.seconds <= 60
        assert got.epochs == 12
        assert got.images * got.epochs // got.batch >= 100 or got.batch == 32
    assert size.choose(1e6, budget, 5_000, 10, recipe).images == 5_000
    few = size.choose(800.0, budget, 96, 3, recipe)
    assert (few.images, few.epochs, few.batch) == (96, 67, 32)
    assert size.choose(1.0, budget, 5_000, 10, recipe).epochs == size.EPOCHS
    assert size.choose(800.0, budget, 5_000, 10, recipe, 77).images == 77
    assert size.with_networks(few, 0.1).steps <= 1500


@pytest.mark.parametrize(("alone", "threads"), [(50.0, 3), (140.0, 3), (900.0, 1)])
def test_one_thread_where_it_is_faster(made, monkeypatch, alone, threads):  # type: ignore[no-untyped-def]
    """Where others use the processor, threads wait for each other. Afterwards all are as before."""
    data, seen = Images(Release.open(made / "out"), Key.read(made / "k")), list[int]()

    def speed_of(*arguments: object, **more: object) -> float:
        seen.append(torch.get_num_threads())
        return alone if seen[-1] == 1 else 100.0

    monkeypatch.setattr(size, "speed_of", speed_of)
    before = torch.get_num_threads()
    with run._threads_kept():
        torch.set_num_threads(3)
        own = prepared._load(data, 20, 6, PROTOCOLS["smoke"], Budget(1e-3, lambda: 0.0), "cpu")
        assert (torch.get_num_threads(), seen) == (threads, [3, 1])
    assert own.speed == (alone if threads == 1 else 100.0)
    assert torch.get_num_threads() == before


def test_the_plan():
    """References first, then what fits; without a scheme of two steps no removal; labels by the number of images."""
    names = [one.name for one in attacks(SCHEMES["layered"], (100, 500))]
    assert names[:2] == ["clean", "plain"]
    assert {"class-patterns", "synthetic-pairs-twice", "alone-100", "alone-500", "cutout"} <= {*names}
    assert len(names) == len(set(names))
    reasons = {one.name: one.why for one in attacks(SCHEMES["mrit-tap"], ())}
    assert "model of clean images" in reasons["synthetic-pairs"]
    assert not reasons["class-patterns"]
    assert not [one for one in attacks(None, ()) if one.kind == "removal" and not one.why]
    assert (label_counts(5000), label_counts(400), label_counts(96)) == ([100, 500], [100], [24])


@pytest.fixture
def few(monkeypatch):  # type: ignore[no-untyped-def]
    """Three attacks without linear heads, and a machine of a known speed: so many minutes afford so many epochs."""
    monkeypatch.setattr(plan, "REMOVALS", {})
    monkeypatch.setattr(plan, "DEFENCES", {name: DEFENCES[name] for name in ("none", "grayscale")})
    monkeypatch.setattr(model, "_heads", lambda *arguments: [])
    monkeypatch.setattr(size, "speed_of", lambda *arguments, **more: 500.0)


def test_more_minutes_begin_larger_models(made, few, tmp_path):  # type: ignore[no-untyped-def]
    """Where those so far are too small to tell. Their rows are kept, apart; the same minutes go on with them."""
    small, _ = audited(made, tmp_path / "a", 0.1, images=None)
    assert (small.epochs, small.verdict, len(small.rows)) == (4, "no verdict", 4)
    same, _ = audited(made, tmp_path / "a", 0.1, images=None)
    assert (same.rows, same.earlier) == (small.rows, [])
    large, _ = audited(made, tmp_path / "a", 20, images=None)
    assert large.epochs == 8
    assert {row.epochs for row in large.rows if row.kind != "alone"} == {8}
    assert [(one.epochs, one.rows) for one in large.earlier] == [(4, small.rows)]
    assert "Smaller models" in Path(large.page).read_text("utf-8")
    for minutes in (40, 0.1):  # no larger models: none is begun anew
        again, _ = audited(made, tmp_path / "a", minutes, images=None)
        assert (again.rows, again.earlier) == (large.rows, large.earlier)


def test_models_that_tell_are_continued(made, few, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A larger budget goes on with them, though it could afford larger ones."""
    small, _ = audited(made, tmp_path / "a", 0.1, images=None)
    monkeypatch.setattr(plan, "DEFENCES", {name: DEFENCES[name] for name in ("none", "grayscale", "posterise-2")})
    monkeypatch.setattr(run.words, "too_small", lambda numbers: False)
    found, _ = audited(made, tmp_path / "a", 20, images=None)
    assert (found.epochs, found.earlier) == (4, [])
    assert [row for row in found.rows if row.attack != "posterise-2"] == small.rows
    assert len(found.rows) == 5


def test_an_interruption_leaves_a_page(made, few, tmp_path):  # type: ignore[no-untyped-def]
    """Ctrl-C: what is there is shown as unfinished, and the call ends as interrupted; a later one ends it."""

    def stop(step: Progress) -> None:
        if step.stage == "grayscale":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), reported_to(stop):
        audited(made, tmp_path / "a")
    text = (tmp_path / "a/audit.html").read_text("utf-8")
    assert "Unfinished" in text
    assert "interrupted" in text
    assert "plain" in text
    audited(made, tmp_path / "a")
    assert "Unfinished" not in (tmp_path / "a/audit.html").read_text("utf-8")


def test_sigterm_is_an_interruption(made, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """As a scheduler ends a job: the call unwinds, so that the page is written; the next SIGTERM ends the process."""
    monkeypatch.setattr("ripguard.api.audit", lambda *_args, **_more: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert main(["audit", str(made / "out"), "--key-file", str(made / "k"), "--out", str(tmp_path / "a")]) == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_rows_of_another_source_do_not_join(made, few, tmp_path):  # type: ignore[no-untyped-def]
    """A changed image, or another device or version: refused, and the rows are as before."""
    shutil.copytree(made / "source", tmp_path / "s")
    read = ripguard.api.read_source
    first, _ = audited(made, tmp_path / "a", source=read(tmp_path / "s"))
    rows = (tmp_path / "a/rows.jsonl").read_bytes()
    assert audited(made, tmp_path / "a")[0].rows == first.rows  # restored images are the same
    for path in (tmp_path / "s/cup").iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    with pytest.raises(OutputRefused, match="source was changed"):
        audited(made, tmp_path / "a", source=read(tmp_path / "s"))
    (tmp_path / "a/rows.jsonl").write_bytes(rows.replace(b'"cpu"', b'"cuda, a GPU"'))
    with pytest.raises(OutputRefused, match="another audit: it has device cuda, a GPU, this one cpu"):
        audited(made, tmp_path / "a")


def test_every_class_has_an_image(made, tmp_path):  # type: ignore[no-untyped-def]
    command = ("audit", made / "out", "--key-file", made / "k", "--out", tmp_path / "a")
    assert "at least 3, one for each class, got 2" in refused(2, *command, "--images", "2")
    assert not (tmp_path / "a").exists()


def test_with_a_test_split(tmp_path):  # type: ignore[no-untyped-def]
    """Its images are tested on, and none is held out."""
    for split, count in (("train", 12), ("test", 4)):
        for number in range(count):
            path = tmp_path / f"s/{split}/{'ab'[number % 2]}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(crop(number, 16, 16)))
    ripguard.keygen(tmp_path / "k")
    ripguard.protect(tmp_path / "s", tmp_path / "r", tmp_path / "k", workers=1)
    found = json.loads(json.dumps(ripguard.audit(tmp_path / "r", tmp_path / "k", dry_run=True).as_dict()))
    assert (found["test_images"], found["held_out"], found["images"]) == (4, False, 12)
