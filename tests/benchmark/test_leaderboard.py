"""The leaderboard: measurements of several experiments meet in one line of a scheme; what is missing stays empty."""

from __future__ import annotations

from dataclasses import replace

from measurements import made, quality, row, victim

from ripguard.benchmark import leaderboard
from ripguard.benchmark.attacks.limited_clean_data import PERMUTED, RENAMED, STANDARDISED
from ripguard.benchmark.leaderboard import entries, page, plot, rank, who
from ripguard.benchmark.records import Measurement

LSP = made("seal", "lsp")


def read_with(
    attack: str, clean: int, accuracy: float, defence: str = "none", seed: int = 0, **setting: bool
) -> Measurement:
    about = {"training_set": "protected", "seed": seed, "setting": {"clean_images": clean} | setting}
    return row("limited-clean", {"test_acc": accuracy}, attack=attack, defence=defence, **about)


def undone(attack: str, plain: float, standardized: float) -> Measurement:
    return row("undo", {"test_acc": plain, "standardized_acc": standardized}, attack=attack, seed=0)


ROWS = [
    quality(), victim("clean", 0, 90.0), victim("protected", 0, 20.0), victim("protected", 1, 22.0),
    victim("protected", 0, 28.0, "jpeg-10", metrics={"test_acc_defended": 30.0}), victim("protected", 0, 25.0, "blur"),
    victim("protected", 0, 80.0, "loss-maximising"),
    quality(scheme=LSP), victim("protected", 0, 15.0, scheme=LSP),
    read_with(PERMUTED, 100, 40.0), read_with(PERMUTED, 100, 44.0, seed=1),
    read_with(STANDARDISED, 0, 41.0), read_with(STANDARDISED, 0, 39.0, "jpeg-10"),
    read_with(STANDARDISED, 0, 43.0, "jpeg-10", inputs_defended=True),
    read_with(STANDARDISED, 0, 80.0, "loss-maximising"),
    undone("none", 20.0, 22.0), undone("restorer-500", 60.0, 70.0), undone("sink-out", 30.0, 31.0),
    undone("alone-10", 80.0, 80.0),
]  # fmt: skip


def test_measurements_meet():
    """… and a defence that was withdrawn counts no more."""
    board = entries(ROWS)
    ours = board["x", "small", 20, "mrit"]
    assert (ours.clean, ours.plain) == ({("clean", "resnet18", 0): 90.0}, [20.0, 22.0])
    assert ours.best_defence == ("jpeg-10", 30.0)
    assert ours.reached(PERMUTED, 100) == ("none", 42.0)
    assert ours.reached(STANDARDISED, 0) == ("jpeg-10, inputs defended too", 43.0)  # 41 from the plain victim
    assert ours.reached("linear head", 100) is None
    assert (ours.best_undoing, ours.best_leaked) == (("sink-out", 31.0), ("restorer-500", 70.0))
    assert ours.best_attack == ("jpeg-10, inputs defended too, standardized", 43.0)


def test_the_best_attack_holds_one_release_and_no_clean_image():
    """Each way of it counts once it is the best; several releases, leaked and labelled images do not."""

    def best(*more: Measurement) -> tuple[str, float]:
        return entries([*ROWS, *more])["x", "small", 20, "mrit"].best_attack

    assert best(undone("class-patterns", 44.0, 50.0)) == ("class-patterns", 50.0)
    assert best(undone("synthetic-pairs-labels+jpeg-10", 55.0, 50.0)) == ("synthetic-pairs-labels+jpeg-10", 55.0)
    assert best(read_with(RENAMED, 0, 56.0)) == ("renamed", 56.0)
    assert best(read_with(RENAMED, 0, 57.0, "blur")) == ("blur, renamed", 57.0)
    assert best(victim("protected", 0, 58.0, "low-pass-1of4")) == ("low-pass-1of4", 58.0)
    assert best(undone("none", 20.0, 96.0)) == ("standardized", 59.0)  # the mean of two
    by_rule = row("undo", {"test_acc": 1.0, "renamed_acc": 60.0}, attack="sink-out", seed=1)
    assert best(by_rule) == ("sink-out", 45.5)  # the mean over seeds
    others = (undone("two-sizes", 99.0, 99.0), undone("averaged-4", 99.0, 99.0), undone("restorer-100", 99.0, 99.0),
              undone("oracle-shifts", 99.0, 99.0), undone("clean-50", 99.0, 99.0), read_with(PERMUTED, 100, 99.0),
              read_with("linear head", 500, 99.0))  # fmt: skip
    assert best(*others)[1] == 43.0
    entry = entries([*ROWS, *others])["x", "small", 20, "mrit"]
    assert entry.best_of_releases == ("two-sizes", 99.0)


def test_a_ceiling_is_that_of_the_best_model():
    """Of the models that see what the scheme keeps; gray ones, and those of another band, do not count."""
    carve = made("carve", "carve", keep=8)
    measured = ((50.0, "a", 0, 8, False), (54.0, "a", 1, 8, False), (51.0, "b", 0, 8, False), (70.0, "a", 0, 16, False),
                (60.0, "a", 0, 8, True))  # fmt: skip
    found = [
        replace(row("ceiling", {"test_acc": value}, model=model, seed=seed,
                    setting={"kept": kept} | ({"gray": True} if gray else {})), scheme=None)
        for value, model, seed, kept, gray in measured
    ]  # fmt: skip
    rows = [*ROWS, *found, quality(scheme=carve), victim("protected", 0, 12.0, scheme=carve)]
    board = {entry.scheme: entry for entry in entries(rows).values()}
    assert {name: entry.highest_ceiling for name, entry in board.items()} == {
        "mrit": None, "seal, lsp": None, "carve": ("a", 52.0),
    }  # fmt: skip
    assert any("| 52.00 (a, of 2 models, n = 3) |" in line for line in page(rows))
    assert not any("ceiling" in line for line in page(ROWS) if line.startswith("| scheme"))


def test_the_page():
    """Ranked by the best attack, those that no defence was tried on last; a column without a figure is left out."""
    lines = page(ROWS)
    assert "## x, 20 images, protocol `small`: clean and restored 90.00 (n = 1)" in lines
    (head,) = (line for line in lines if line.startswith("| scheme |"))
    assert "head, 100" not in head
    first, second = (line for line in lines if line.startswith("| `"))
    assert first.startswith("| `mrit` | 26.5 dB, 0.900 | "
                            "**43.00** (jpeg-10, inputs defended too, standardized) | 21.00 ± 1.41 (2 seeds) | "
                            "30.00 (jpeg-10 of 2) | 31.00 (sink-out of 1) |")  # fmt: skip
    assert "| 42.00 | 70.00 (restorer-500) | [a](victims/a.jsonl) | 2 cores some, 1 thread |" in first
    assert second.startswith("| `seal, lsp` | 26.5 dB, 0.900 | **15.00** (plain) | 15.00 |  |  |")
    assert rank(entries(ROWS)["x", "small", 20, "mrit"]) < rank(entries(ROWS)["x", "small", 20, "seal, lsp"])


def test_one_panel_a_table():
    assert len(plot(entries(ROWS)).axes) == 1


def test_a_preset_with_other_options_stands_apart():
    """A peer of the same hiding method does not."""
    other = made("mrit", "marks", cells=2)
    rows = [*ROWS, quality(scheme=other), victim("protected", 0, 12.0, scheme=other)]
    lines = page(rows)
    place = lines.index("The same schemes with other options:")
    assert [line.split("`")[1] for line in lines[:place] if line.startswith("| `")] == ["mrit", "seal, lsp"]
    assert [line.split("`")[1] for line in lines[place:] if line.startswith("| `")] == ["mrit, cells 2"]


def test_an_attacker_without_a_number_of_images_is_about_each():
    rows = [replace(one, n_train=None) if one.kind == "limited-clean" else one for one in reversed(ROWS)]
    assert entries(rows)["x", "small", 20, "mrit"].reached(PERMUTED, 100) == ("none", 42.0)


def test_clean_images_alone_are_the_same_for_every_scheme():
    alone = row("limited-clean", {"test_acc": 50.0}, training_set="clean", attack="none",
                setting={"clean_images": 500, "alone": True})  # fmt: skip
    assert {entry.alone[500] for entry in entries([*ROWS, alone]).values()} == {50.0}


def test_without_image_quality_or_victims_there_is_no_line():
    assert entries([one for one in ROWS if one.kind != "image-quality"]) == {}


def test_what_each_scheme_leaves_to_whom(monkeypatch):  # type: ignore[no-untyped-def]
    """Plain training, the best attack without clean images, and the best of that, of readings, and of the few alone."""
    monkeypatch.setattr(leaderboard, "WHO", ("x", "small", 20))
    alone = {"training_set": "clean", "attack": "none", "seed": 0, "defence": "none"}
    rows = [*ROWS, row("limited-clean", {"test_acc": 66.0}, setting={"clean_images": 500, "alone": True}, **alone),
            read_with("linear head", 100, 47.0)]  # fmt: skip
    lines = who(rows, "")
    assert lines[0] == ("x, 20 images, protocol `small`, accuracy in percent on clean test images. Clean images give "
                        "90.0, 500 clean images alone 66.0.")  # fmt: skip
    assert [line for line in lines if line.startswith("| `")] == [
        "| `mrit` | 26.5 dB | 21.0 | **43.0** (jpeg-10, inputs defended too, standardized) | 47.0 (none) | "
        "70.0 (restorer-500) |"
    ]
