"""The experiments run from top to bottom on a small folder, and the tables follow the records."""

from __future__ import annotations

import ast
import json
import runpy
import shlex
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import crop, make_source
from PIL import Image

from ripguard.benchmark.attacks.limited_clean_data import HEAD
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.records import Measurement, read
from ripguard.cli import parse
from ripguard.data.registry import open_source
from ripguard.train.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "experiments"))  # experiments that run in this process import `_run`
HOUR = 3600  # seconds: what takes longer hangs, on the slowest machine too
MIRRORED, FEW_CELLS = "both, patches not mirrored", "both, patches on 2 cells"


def experiment(name: str, *arguments: str | Path) -> str:
    """Standard output of one experiment."""
    command = [sys.executable, str(ROOT / "experiments" / name), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=HOUR).stdout


def refused(name: str, *arguments: str | Path) -> str:
    """What an experiment says that ends with one of the codes of docs/reference/exit-codes.md."""
    command = [sys.executable, str(ROOT / "experiments" / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=HOUR)
    assert 1 <= done.returncode <= 13, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def recorded(results: Path, kind: str) -> list[Measurement]:
    return [row for row in read(results) if row.kind == kind]


def outside() -> dict[str, int]:
    """Times of the files that an experiment may not write: README and the repository's records."""
    return {str(path): path.stat().st_mtime_ns for path in (ROOT / "README.md", *(ROOT / "results").rglob("*"))}


def test_chain(tmp_path):  # type: ignore[no-untyped-def]
    """What `make protect DATASET=folder` does: all images back, a record, a grid."""
    source, out = make_source(tmp_path / "source"), tmp_path / "out"
    printed = experiment("chain.py", source, "--out", out, "--", "--perturb", "none")
    assert "30 / 30 images restored bit for bit" in printed
    (row,) = recorded(out / "records", "chain")
    assert {"command", "date", "commit", "hardware", "versions", "release"} <= set(row.provenance)
    assert row.metrics["restored_equal"] == row.metrics["images"] == 30
    assert (out / "grid.png").stat().st_size > 10_000


def test_chain_keeps_what_it_cannot_make_again(tmp_path):  # type: ignore[no-untyped-def]
    """Mistyped: refused before an older release, or anything else, is touched."""
    older = tmp_path / "out" / "protected"
    older.mkdir(parents=True)
    assert "nosuch is not a folder" in refused("chain.py", "nosuch", "--out", tmp_path / "out")
    (tmp_path / "file").touch()
    told = refused("chain.py", "photos", "--out", tmp_path / "file" / "out")
    assert told == f"error: Not a directory: {tmp_path / 'file' / 'out'}\n"
    source = make_source(tmp_path / "source")
    assert "expected one of mrit" in refused("chain.py", source, "--out", tmp_path / "out", "--", "--scheme", "strnog")
    assert list((tmp_path / "out").iterdir()) == [older]


SOURCES = (
    *("adaptive", "bench", "blending", "capacity", "coders", "grid", "held_out", "marks", "open_choices"),
    *("peers", "planes", "table1", "transfer", "undo"),
)


@pytest.mark.parametrize("name", SOURCES)
def test_a_mistyped_source_is_refused(name, tmp_path, monkeypatch, capfd):  # type: ignore[no-untyped-def]
    """By every script that takes one: its sentence, a hint, its code."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "nosuch"])
    monkeypatch.setattr(sys, "path", [str(ROOT / "experiments"), *sys.path])  # as of a script that is run
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "experiments" / f"{name}.py"), run_name="__main__")
    told = capfd.readouterr().err.splitlines()
    assert end.value.code == (6 if name in ("transfer", "undo") else 3)  # these want the release first
    assert "nosuch" in told[-2]
    assert told[-1].removeprefix("ripguard: ").startswith("hint: ")
    assert not (ROOT / "build" / "nosuch").exists()


@pytest.mark.parametrize("name", ["adaptive", "blending", "marks", "peers", "table1", "transfer", "undo"])
def test_a_mistyped_protocol_is_refused(name, tmp_path, monkeypatch, capfd):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "photos", "--protocol", "fsat"])
    monkeypatch.setattr(sys, "path", [str(ROOT / "experiments"), *sys.path])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "experiments" / f"{name}.py"), run_name="__main__")
    assert end.value.code == 2
    assert "--protocol: expected one of paper, " in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.numeric
def test_table1(tmp_path):  # type: ignore[no-untyped-def]
    """From a folder to the accuracy table: release made, three victims, record, figures, page; a second call skips."""
    source, work = make_source(tmp_path / "source"), tmp_path / "work"
    command = ["table1.py", source, "--work", work, "--protocol", "smoke", "--jobs", "1"]
    before = outside()
    printed = experiment(*command, "--protect", "--eps 0.06")
    rows = {row.training_set: row for row in recorded(work / "evaluation", "victim")}
    assert set(rows) == {"clean", "protected", "restored"}
    for row in rows.values():
        assert {"command", "date", "commit", "hardware", "versions", "device", "threads"} <= set(row.provenance)
        assert (row.defence, row.n_train, row.metrics["test_images"]) == ("none", 24, 6)
        assert sum(map(sum, row.metrics["confusion"])) == 6
    assert rows["clean"].digests["train"] == rows["restored"].digests["train"] != rows["protected"].digests["train"]
    assert rows["clean"].seed != rows["restored"].seed
    (quality,) = recorded(work / "evaluation", "image-quality")
    assert quality.metrics["restored_equal"] == quality.metrics["images"] == 30
    assert "| restored (24) | fastnet-narrow | 1000 |" in printed
    assert (work / "evaluation" / "overview.png").stat().st_size > 20_000
    for name in ("accuracy.png", "curves.png", "confusion.png"):
        assert 2_000 < (work / "evaluation" / name).stat().st_size < 150_000
    page = (work / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    again = subprocess.run(
        [sys.executable, str(ROOT / "experiments" / "table1.py"), *map(str, command[1:])],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "3 rows recorded, 0 to train" in again.stderr
    assert outside() == before

    more = experiment(*command, "--splits", "protected", "--defences", "jpeg-10")
    assert '"defence": "jpeg-10"' in more
    last = recorded(work / "evaluation", "victim")[3]
    assert (last.defence, 0 <= last.metrics["test_acc_defended"] <= 100) == ("jpeg-10", True)
    experiment(*command, "--record", "mine", "--results", tmp_path / "results")
    assert len(recorded(tmp_path / "results", "victim")) == 3
    assert outside() == before
    other = refused(*command, "--protect", "--scheme seal")
    assert other.splitlines()[0] == f"error: {work} holds a release made with --eps 0.06"

    few = ["adaptive.py", source, "--work", work, "--protocol", "smoke", "--steps", "2"]
    told = []
    for amounts in ("8,0.5", "8,0.5", "6"):
        call = [sys.executable, ROOT / "experiments" / "adaptive.py", *few[1:], "--few", amounts]
        call += ["--record", "few", "--results", tmp_path / "results"]
        done = subprocess.run(list(map(str, call)), check=True, capture_output=True, text=True, cwd=ROOT)
        told.append(done.stderr.count("'attack': 'none'"))
    # plain, jpeg-10, jpeg-10 with its inputs defended, and 8, 12, 100 = all 24 alone; nothing again; other amounts
    assert told == [6, 0, 4]
    rows = [row for row in recorded(tmp_path / "results", "limited-clean") if row.attack == HEAD]
    heads = {(row.setting.get("alone"), row.defence, row.setting.get("inputs_defended"), row.setting["clean_images"])
             for row in rows}  # fmt: skip
    assert len(rows) == len(heads) == 3 * 4 + 4
    assert "is not trained for 99 epochs: left out" in refused(*few, "--epochs", "99")
    assert "has no whole victim of protocol smoke (fastnet)" in refused(*few, "--model", "fastnet")
    assert "--few: expected a number above 0, got 'x'" in refused(*few, "--few", "5,x")
    for path in (work / "victims").glob("smoke-protected-*.pt"):  # as if cut: so many epochs of a longer run
        stored = torch.load(path, weights_only=True)
        whole = stored["epochs"]
        torch.save(stored | {"epochs": whole + 1}, path)
    assert f"is not trained for {whole} epochs: left out" in refused(*few)
    assert f"is not trained for {whole + 1} epochs: left out" in refused(*few, "--epochs", str(whole + 1))
    shutil.rmtree(work / "victims")
    assert "run table1.py first" in refused(*few)


def test_table1_in_pieces(tmp_path):  # type: ignore[no-untyped-def]
    """Out of time: exit code 75 and no half row; bad names: one sentence."""
    source, work = make_source(tmp_path / "source"), tmp_path / "work"
    command = [sys.executable, str(ROOT / "experiments" / "table1.py"), str(source), "--work", str(work)]
    options = ["--splits", "clean", "--epochs", "2", "--protect", "--perturb none"]
    cut = subprocess.run([*command, *options, "--seconds", "0.01"], capture_output=True, text=True)
    assert cut.returncode == 75, cut.stderr
    assert not list((work / "evaluation").rglob("*.jsonl"))
    wrong = subprocess.run([*command, "--protocol", "papers"], capture_output=True, text=True)
    for script in ("table1.py", "grid.py"):
        assert "from 0 to 999 joined by commas, got 1,a" in refused(script, source, "--seeds", "1,a")
    part = refused("table1.py", source, "--work", tmp_path / "part", "--protect", "--limit 10")
    assert part.splitlines()[-2].endswith(f"holds a part of {source} only")
    assert wrong.returncode == 2
    assert wrong.stderr == f"error: --protocol: expected one of {', '.join(PROTOCOLS)}, got 'papers'\n"


@pytest.mark.numeric
def test_undo(tmp_path):  # type: ignore[no-untyped-def]
    """Attackers who change the images: every one ends in an accuracy, of as many images as it trains on."""
    source, work = make_source(tmp_path / "source"), tmp_path / "work"
    experiment("chain.py", source, "--out", work)
    attacks = [
        "none",
        "sink-out",
        "synthetic-pairs",
        "averaged-4",
        "oracle-shifts",
        "restorer-100",
        "clean-50",
        "alone-50",
    ]
    attacks += ["two-sizes", "synthetic-pairs-labels"]
    told = experiment("undo.py", source, "--work", work, "--protocol", "smoke", "--steps", "2", "--only", *attacks)
    rows = [ast.literal_eval(line) for line in told.splitlines()]
    assert [row["attack"] for row in rows] == attacks
    assert [row["n_train"] for row in rows] == [24, 18, 24, 24, 24, 24, 24, 12, 24, 24]
    assert {row["epochs"] for row in rows} == {8}  # a batch an epoch: as many steps for all
    assert rows[5]["psnr_to_clean"] > 60 > rows[8]["psnr_to_clean"] > 40  # all 24 leaked; marks cancel
    assert 40 > rows[3]["psnr_to_clean"] > rows[0]["psnr_to_clean"]


@pytest.mark.slow
@pytest.mark.numeric
def test_undo_layered(tmp_path):  # type: ignore[no-untyped-def]
    """Marks alone are made up once more; what stands below is taken off by a model of the attacker's own."""
    source, work = make_source(tmp_path / "source"), tmp_path / "work"
    quick = ("--scheme", "layered", "--coders", "webp", "--allow-residue", "--surrogate-epochs", "1", "--steps", "2")
    experiment("chain.py", source, "--out", work, "--", *quick)
    labels = "synthetic-pairs-labels"
    attacks = ["none", labels, f"{labels}+jpeg-10", "synthetic-pairs-twice"]
    asked = [*attacks, "two-sizes", "oracle-jigsaw"]
    told = experiment("undo.py", source, "--work", work, "--protocol", "smoke", "--steps", "2", "--only", *asked)
    rows = [ast.literal_eval(line) for line in told.splitlines()]
    assert [row["attack"] for row in rows] == [*attacks[:3], *attacks[2:]]
    assert [row.get("inputs_defended") for row in rows] == [None, None, True, None, None]
    assert rows[1]["psnr_to_clean"] != rows[2]["psnr_to_clean"]  # JPEG at 10 is taken of what the first leaves
    assert all({"renamed_acc", "permuted_acc", "head_acc"} < set(row) for row in rows)


@pytest.mark.slow
@pytest.mark.numeric
def test_transfer(tmp_path):  # type: ignore[no-untyped-def]
    """Other models, on a part of the images; a model that does not exist: one sentence."""
    source, work = make_source(tmp_path / "source"), tmp_path / "work"
    experiment("chain.py", source, "--out", work)
    command = ["transfer.py", source, "--work", work, "--protocol", "smoke", "--images", "12"]
    told = experiment(*command, "--models", "fastnet-narrow,vit-small")
    rows = [ast.literal_eval(line) for line in told.splitlines()]
    models = ["fastnet-narrow", "fastnet-narrow", "vit-small", "vit-small"]
    assert [(row["model"], row["training_set"]) for row in rows] == list(zip(models, ["protected", "restored"] * 2))
    assert {row["n_train"] for row in rows} == {12}
    assert "--model: expected one of" in refused(*command, "--models", "vit")


@pytest.mark.numeric
def test_peers(tmp_path):  # type: ignore[no-untyped-def]
    """Every poison is trained on undefended and under its controls, tap and clean images under all that are asked."""
    source = make_source(tmp_path / "source")
    asked = ["none", "jpeg-10", "grayscale", "orthogonal-projection", "cutmix"]
    command = [
        "peers.py",
        source,
        "--protocol",
        "smoke",
        "--steps",
        "1",
        "--surrogate-epochs",
        "1",
        "--no-head",
        "--defences",
        *asked,
    ]
    rows = [ast.literal_eval(line) for line in experiment(*command).splitlines()]
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["poison"], []).append(row["defence"])
    assert found == {
        "clean": asked,
        **{name: ["none"] for name in ("noise", "noise-26", "noise-22")},
        "lsp": ["none", "grayscale"],
        "ar": ["none", "jpeg-10"],
        "ops": ["none", "orthogonal-projection", "cutmix"],
        "em": ["none", "grayscale"],
        "em-sample": ["none", "grayscale"],
        "tap": asked,
        "pil": ["none", "jpeg-10", "grayscale", "orthogonal-projection"],
        "dune": ["none", "jpeg-10"],
    }
    poisons = [row for row in rows if row["poison"] != "clean"]
    small = [row for row in poisons if "-" not in row["poison"] and row["poison"] != "dune"]  # with a color of its own
    assert all(25 < row["psnr_to_clean"] < 60 for row in small)
    assert {row["poison"] for row in rows if "renamed_acc" in row} == {"tap", "dune"}
    assert all({"standardized_acc", "permuted_acc"} <= row.keys() for row in rows)
    assert all(("permuted_acc_defended" in row) == ("test_acc_defended" in row) for row in rows)
    assert [round(row["psnr_to_clean"]) for row in poisons if "noise-" in row["poison"]] == [26, 22]
    assert {row["defence"] for row in rows if "test_acc_defended" in row} == {"grayscale", "jpeg-10"}


@pytest.mark.slow
@pytest.mark.numeric
def test_peers_after_a_removal_attack(tmp_path):  # type: ignore[no-untyped-def]
    """Carriers are read again where they are kept; rows have the removal; rows of before are trained again if asked."""
    source, out, kept = make_source(tmp_path / "source"), tmp_path / "results", tmp_path / "kept"
    call = ["peers.py", source, "--protocol", "smoke", "--only", "clean", "lsp", "--defences", "none", "--record", "p"]
    call += ["--results", out, "--keep", kept]
    experiment(*call)
    (path,) = kept.iterdir()
    np.save(path, np.load(path) // 2)
    experiment(*call, "--remove", "class-means", "class-patterns")
    found = {(row.setting["poison"], row.attack): row for row in recorded(out, "peer")}
    assert list(found) == [("clean", None), ("lsp", None)] + [
        (poison, attack) for poison in ("clean", "lsp") for attack in ("class-means", "class-patterns")
    ]
    assert found["lsp", "class-means"].metrics["psnr_to_clean"] < 20 < found["lsp", None].metrics["psnr_to_clean"]
    assert "psnr_to_clean" not in found["clean", None].metrics
    assert all("head_acc" in row.metrics for row in found.values())
    record = out / "victims" / "p.jsonl"
    lines = record.read_text().splitlines()
    older = json.loads(lines[0])
    del older["metrics"]["standardized_acc"]
    record.write_text("\n".join([json.dumps(older), *lines[1:]]) + "\n")
    assert experiment(*call) == ""
    (again,) = experiment(*call, "--reread").splitlines()
    assert ast.literal_eval(again)["poison"] == "clean"
    assert len(recorded(out, "peer")) == len(found)


@pytest.mark.slow
@pytest.mark.numeric
def test_blending(tmp_path):  # type: ignore[no-untyped-def]
    """Victims of large images with sharp and with blended cells; a figure at true size."""
    source, out = make_source(tmp_path / "source"), tmp_path / "results"
    call = ["blending.py", source, "--protocol", "smoke", "--side", "392", "--seeds", "0", "--record", "blending"]
    experiment(*call, "--results", out, "--figure", tmp_path / "f.png")
    assert not out.exists()  # a figure alone
    with Image.open(tmp_path / "f.png") as figure:
        assert figure.width > 4 * 176
    experiment(*call, "--results", out, "--only", "clean", "sharp, mrit", "blended, mrit")
    clean, sharp, blended = recorded(out, "blending")
    assert clean.metrics["psnr_to_clean"] is None
    assert 20 < sharp.metrics["psnr_to_clean"] < 40
    assert abs(sharp.metrics["psnr_to_clean"] - blended.metrics["psnr_to_clean"]) < 1
    assert sharp.metrics["ssim_to_clean"] != blended.metrics["ssim_to_clean"]
    printed = experiment(*call, "--results", out, "--only", "blended, mrit")
    assert printed == ""  # recorded


@pytest.mark.slow
@pytest.mark.numeric
def test_marks(tmp_path):  # type: ignore[no-untyped-def]
    """Victims of class marks, on held-out images; called again, what is recorded is left alone."""
    source = make_source(tmp_path / "source")
    told = []
    for only in (("clean", "waves", MIRRORED), ("waves", FEW_CELLS)):
        call = ["marks.py", source, "--protocol", "smoke", "--defences", "none", "--record", "marks"]
        out = experiment(*call, "--results", tmp_path / "results", "--only", *only)
        told.append([ast.literal_eval(line) for line in out.splitlines()])
    assert [len(rows) for rows in told] == [3, 1]
    assert len(recorded(tmp_path / "results", "marks")) == 4
    rows = [*told[0], *told[1]]
    assert [row["variant"] for row in rows] == ["clean", "waves", MIRRORED, FEW_CELLS]
    assert rows[0]["psnr_to_clean"] is None
    assert 24 < rows[1]["psnr_to_clean"] < 29
    assert all(
        0 <= row[name] <= 100 for row in rows for name in ("test_acc", "standardized_acc", "permuted_acc", "head_acc")
    )


@pytest.mark.slow
@pytest.mark.numeric
def test_ceiling(tmp_path):  # type: ignore[no-untyped-def]
    """Thumbnails in gray and in color are two measurements; what is recorded is left alone."""
    source, out = make_source(tmp_path / "source"), tmp_path / "results"
    call = ["ceiling.py", source, "--protocol", "smoke", "--record", "c", "--results", out, "--keep", "4"]
    experiment(*call, "--gray")
    experiment(*call, "--models", "fastnet-narrow", "vit-small")
    found = [(row.model, row.setting.get("gray"), "ssim_to_clean" in row.metrics) for row in recorded(out, "ceiling")]
    assert found == [("fastnet-narrow", True, False), ("fastnet-narrow", None, True), ("vit-small", None, True)]
    assert experiment(*call, "--gray") == experiment(*call) == ""


def test_grid():
    """The calls in their order: every scheme first, all defences for five; all of them calls that ripguard takes."""
    told = experiment("grid.py", "photos", "--list", "--images", "2000")
    calls = [shlex.split(line) for line in told.splitlines()]
    table1 = [dict(zip(call[2::2], call[3::2], strict=True)) for call in calls if call[0].endswith("table1.py")]
    plain = [one for one in table1 if one["--splits"] == "protected" and one["--defences"] == "none"]
    assert len(plain) >= 11
    assert table1[: len(plain)] == plain
    for scheme in ("strong", "balanced", "mrit", "layered", "mrit-tap"):
        own = [one["--defences"] for one in table1 if one["--record"] == f"photos-small-2000-{scheme}"]
        asked = {name for name, defence in DEFENCES.items() if not defence.start}  # photos has no backbone
        assert set(",".join(own).split(",")) == asked
    for one in plain:
        asked = parse(["protect", "photos", "out", *shlex.split(one["--protect"])])
        assert sum(item.split == "train" for item in open_source("photos").limited(asked.limit).items) == 2_000


def test_grid_with_other_seeds():
    """Only the defences asked for, under those seeds; what one seed has the other may lack."""
    asked = ("--only", "mrit", "--scripts", "table1", "--defences", "none", "--seeds", "1,2")
    calls = [shlex.split(line) for line in experiment("grid.py", "photos", "--list", *asked).splitlines()]
    told = [dict(zip(call[2::2], call[3::2], strict=True)) for call in calls]
    assert [(one["--splits"], one["--defences"], one["--seeds"]) for one in told] == [
        ("protected", "none", "1,2"),
        ("restored", "none", "1,2"),
    ]
    grid = runpy.run_path(str(ROOT / "experiments" / "grid.py"))
    known = read(ROOT / "results")

    def there(step: object, name: str, seeds: list[int]) -> bool:
        return grid["recorded"](step, name, "small", 10, 32, seeds, known)

    for split in ("protected", "restored"):
        step = grid["Step"]("table1", "mrit", ("none",), split)
        assert [there(step, "cifar10-small-20000-mrit", seeds) for seeds in ([0], [0, 99])] == [True, False]
    assert there(grid["Step"]("adaptive", "mrit"), "adaptive-cifar10-small-20000-mrit", [0])
    assert not there(grid["Step"]("table1", "strong", ("none",)), "cifar10-small-20000-mrit", [0])


def test_grid_knows_releases_by_what_they_are_called():
    """Of many classes too, whose patches stand on more cells, and of large images, where they stand on all."""
    called = runpy.run_path(str(ROOT / "experiments" / "grid.py"))["scheme_called"]
    assert [called("--scheme balanced", classes, 32) for classes in (10, 65)] == ["balanced", "balanced"]
    assert [called("--scheme balanced --cells 16", 10, side) for side in (32, 64)] == [
        "balanced, all cells",
        "balanced",
    ]
    assert called("--scheme seal --perturb lsp", 200, 32) == "seal, lsp"


@pytest.mark.slow
@pytest.mark.numeric
def test_choices(tmp_path):  # type: ignore[no-untyped-def]
    """Every reading of the paper runs, and says what it changed."""
    source, work = make_source(tmp_path / "source"), tmp_path / "work"
    out = experiment("open_choices.py", source, "--work", work, "--count", "4", "--surrogate-epochs", "1")
    rows = [ast.literal_eval(line) for line in out.splitlines()]
    assert {"preset", "perturbation", "views", "ε", "steps", "target", "block side", "pairing"} <= {
        row["choice"] for row in rows
    }
    assert all(0 <= row["published_surrogate_keeps"] <= 100 for row in rows)
    out = experiment("held_out.py", source, "--work", work, "--epochs", "1", "--only", "no augmentation", "CIFAR stem")
    rows = [ast.literal_eval(line) for line in out.splitlines()]
    assert {row["choice"] for row in rows} == {"no augmentation", "CIFAR stem"}
    assert all((row["n_train"], row["held_out"]) == (22, 2) for row in rows)


@pytest.mark.numeric
def test_block_size():
    """Larger blocks need fewer bits, at one image size; the carrier itself is the first to be asked about."""
    script = runpy.run_path(str(ROOT / "experiments" / "block_size.py"))
    rows = script["measure"]("photographs 64", script["crops"](64, 8), epochs=1, count=4)
    assert [row["pairing"] for row in rows[:2]] == ["clean", "carrier alone"]
    assert {(row["size"], row["pairing"]) for row in rows[2:]} == set(product(script["SIZES"], script["PAIRINGS"]))
    for pairing in script["PAIRINGS"]:
        bits = [row["bpp"] for row in rows[2:] if row["pairing"] == pairing]
        assert bits == sorted(bits, reverse=True)
        assert bits[0] > 2 * bits[-1]
    assert all(0 <= row[name] <= 1 for row in rows for name in ("keeps", "next"))
    assert all(10 < row["psnr_to_carrier"] < 60 for row in rows[2:])


def test_tables_follow_the_records():
    """README, results/README.md and the leaderboard hold what the records say."""
    subprocess.run([sys.executable, str(ROOT / "tools" / "make_tables.py"), "--check"], check=True)


@pytest.mark.parametrize("scheme", ["mrit", "seal"])
def test_tamper(scheme, tmp_path):  # type: ignore[no-untyped-def]
    """Every attack, some of the tries; what `seal` makes of JPEG files comes back as these files."""
    source, out = tmp_path / "source", tmp_path / "out"
    for number in range(6):
        place = source / "ab"[number % 2] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(number)).save(place, quality=90)
    experiment("chain.py", source, "--out", out, "--", "--scheme", scheme, "--perturb", "none")
    (row,) = recorded(out / "records", "chain")
    assert (row.metrics["files_equal"], row.metrics["without_residue"]) == ((6, 6) if scheme == "seal" else (0, 0))
    experiment("tamper.py", out / "protected", "--key-file", out / "owner.key", "--against", source, "--stride", "97")


def test_interruption():
    """A fault at some of the file-system operations, and two real kills; the whole of it is in the record."""
    kinds = ("torn write", "power cut, names kept", "EIO")
    rows = experiment("interruption.py", "--moments", "2", "--many", "60", "--stride", "37", "--kinds", *kinds)
    assert rows.count("'wrong': 0") == 8


def test_large():
    """Files come back byte for byte; how long it took and how much memory is told."""
    told = experiment("large.py", "--jpegs", "0.2", "--ladder", "0.3")
    rows = [ast.literal_eval(line) for line in told.splitlines()]
    assert [row["files"] for row in rows] == [rows[0]["byte_for_byte"], 1]
    assert all(row["protect_mib"] > 20 and row["restore_seconds"] > 0 for row in rows)


def test_machines():
    """How near an assertion came to failing is read out of what pytest tells; the nearest are named first."""
    script = runpy.run_path(str(ROOT / "experiments" / "machines.py"))
    told = {
        "np.float64(0.5) < (0.3 * 2)\n +  where np.float64(0.5) = mean()": 0.1,
        "np.float32(7.0) > -(tensor(2.))": 9,
        "array([1, 2]) < 3": None,
        "3 <= 3": None,
        "'a' < 'b'": None,
        "__import__('os') < 3": None,
        "True": None,
    }
    assert {text: script["distance"](text) for text in told} == {k: v and pytest.approx(v) for k, v in told.items()}
    known = {
        "far": {"a": 1.0, "b": 1.1},
        "near": {"a": 0.1, "b": 0.2},
        "nearer": {"a": 0.1, "b": 0.5},
        "same": {"a": 0},
    }
    assert [line.split("|")[4].strip() for line in script["table"](known)[3:]] == ["nearer", "near"]
    assert sum(not more for more in script["VARIANTS"].values()) == 1


@pytest.mark.slow
def test_coders():
    """Every coder, among them the small-image coder after a short fit, gives the images back."""
    told = experiment("coders.py", "photos", "--count", "6", "--coder-steps", "3")
    coders = {row["coder"]: row for row in map(ast.literal_eval, told.splitlines())}
    assert {"file", "webp", "interlaced", "png"} <= set(coders)
    assert all(0 < row["bits_a_sample"] < 24 for row in coders.values())


@pytest.mark.slow
def test_capacity():
    """All images come back, whatever they hold; larger thresholds give more room and less likeness."""
    told = experiment("capacity.py", "photos", "--count", "4")
    rows = [ast.literal_eval(line) for line in told.splitlines() if line.startswith("{")]
    assert all(row["exact"] == row["images"] == 4 for row in rows)
    fixed = [row for row in rows if row["what"] == "thresholds"]
    for name, falls in (("net_bpp", False), ("psnr", True)):
        values = [row[name] for row in fixed]
        assert values == sorted(values, reverse=falls)
    assert {row["hiding"] for row in rows if row["what"] == "method"} == {"rdh", "rit, 1×1", "rit, 4×4"}


@pytest.mark.slow
@pytest.mark.numeric
def test_planes():
    """More planes, less likeness; from two planes on, the nearest value beats the floor (one plane: both err by 1)."""
    told = experiment("planes.py", "photos", "--surrogate-epochs", "1", "--count", "6")
    rows = [ast.literal_eval(line) for line in told.splitlines()]
    near = {row["bits_a_sample"]: row["psnr_to_carrier"] for row in rows if row["what"] == "nearest"}
    assert list(near.values()) == sorted(near.values(), reverse=True)
    floor = {row["bits_a_sample"]: row["psnr_to_carrier"] for row in rows if row["what"] == "floor"}
    assert all(near[bits] > psnr for bits, psnr in floor.items() if bits > 1)


def test_bench(tmp_path):
    """Every part of the benchmark runs; what it says on a busy machine is not looked at."""
    source = make_source(tmp_path / "source")
    parts = ("codec", "png", "files", "peers", "memory")
    told = experiment(
        "bench.py", source, "--count", "8", "--seconds", "0.001", "--sizes", "8", "--files", "8", "--only", *parts
    )
    for what in ("hide, cryptography", "restore, pycryptodome", "file to file", "Fernet", "peak memory, protect"):
        assert what in told


@pytest.mark.slow
@pytest.mark.numeric
def test_lock(tmp_path):  # type: ignore[no-untyped-def]
    """Each part for both forms; the fitted lock is read again, and recorded rows are skipped."""
    source, results = make_source(tmp_path / "source"), tmp_path / "results"
    command = (
        "lock.py",
        source,
        "--rounds",
        "1",
        "--work",
        tmp_path / "work",
        "--results",
        results,
        "--record",
        "lock",
    )
    experiment(*command)
    found = recorded(results, "lock-fit")
    assert [row.setting["form"] for row in found] == ["linear", "iresnet"]
    assert all(row.metrics["rounds"] == 1 for row in found)
    unlocked = {(row.setting["form"], row.setting["where"]): row.metrics for row in recorded(results, "lock-unlock")}
    assert len(unlocked) == 4
    assert all(unlocked[form, "locked"]["samples_exact"] > 90 for form in ("linear", "iresnet"))
    assert {row.setting["pairs"] for row in recorded(results, "lock-pairs")} == {1, 2}
    assert len(list((tmp_path / "work").iterdir())) == 2
    assert experiment(*command) == ""
    assert "--eps: expected more than 0" in refused("lock.py", source, "--eps", "2")
