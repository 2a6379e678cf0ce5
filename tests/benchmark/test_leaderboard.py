"""The leaderboard: measurements of three experiments meet in one line of a scheme; what is missing stays empty."""

from __future__ import annotations

from typing import Any

from measured import measured, scheme

from ripguard.benchmark.leaderboard import entries, is_setting, page, plot, rank
from ripguard.benchmark.records import Measurement

MRIT, LSP = scheme("mrit"), scheme("seal", perturb="lsp")


def quality(made: dict[str, Any]) -> Measurement:
    return measured("image-quality", {"psnr_to_clean": {"median": 26.5}, "ssim_to_clean": {"median": 0.9}}, made)


def victim(made: dict[str, Any], split: str, defence: str, seed: int, accuracy: float, **more: float) -> Measurement:
    return measured(
        "victim", {"test_acc": accuracy} | more, made, training_set=split, defence=defence, seed=seed, model="m",
        digests={"train": split},
    )  # fmt: skip


def attack(name: str, defence: str, clean: int, accuracy: float, defended: bool = False, **more: Any) -> Measurement:
    setting = {"clean_images": clean} | ({"inputs_defended": True} if defended else {})
    return measured("limited-clean", {"test_acc": accuracy}, MRIT, training_set="protected",
                    defence=defence, attack=name, setting=setting, **more)  # fmt: skip


def undo(name: str, plain: float, standardized: float) -> Measurement:
    return measured("undo", {"test_acc": plain, "standardized_acc": standardized}, MRIT, attack=name)


ROWS = [
    quality(MRIT), victim(MRIT, "clean", "none", 0, 90.0), victim(MRIT, "protected", "none", 0, 20.0),
    victim(MRIT, "protected", "none", 1, 22.0), victim(MRIT, "protected", "jpeg-10", 0, 28.0, test_acc_defended=30.0),
    victim(MRIT, "protected", "blur", 0, 25.0), victim(MRIT, "protected", "loss-maximising", 0, 80.0),
    quality(LSP), victim(LSP, "protected", "none", 0, 15.0),
    attack("output permutation", "none", 100, 40.0), attack("output permutation", "none", 100, 44.0, seed=1),
    attack("standardised outputs", "none", 0, 41.0), attack("standardised outputs", "jpeg-10", 0, 39.0),
    attack("standardised outputs", "jpeg-10", 0, 43.0, defended=True),
    attack("standardised outputs", "loss-maximising", 0, 80.0),
    undo("none", 20.0, 22.0), undo("restorer-500", 60.0, 70.0), undo("sink-out", 30.0, 31.0),
    undo("alone-10", 80.0, 80.0),
]  # fmt: skip


def test_measurements_meet():
    """… and a defence that was withdrawn counts no more."""
    board = entries(ROWS)
    ours = board["x", "small", 20, "mrit"]
    assert list(ours.clean.values()) == [90.0]
    assert (ours.plain, ours.best_defence) == ([20.0, 22.0], ("jpeg-10", 30.0))
    assert ours.reached("output permutation", 100) == ("none", 42.0)
    assert ours.reached("standardised outputs", 0) == ("jpeg-10, inputs defended too", 43.0)  # 41 from the plain victim
    assert ours.reached("linear head", 100) is None
    assert (ours.best_undoing, ours.best_leaked) == (("sink-out", 31.0), ("restorer-500", 70.0))
    assert ours.best_attack == ("jpeg-10, inputs defended too", 43.0)
    assert rank(board["x", "small", 20, "seal, lsp"]) > rank(ours)  # no attack was tried on it


def test_page():
    """Ranked by the best attack; a column that is empty in the whole table is left out."""
    lines = page(ROWS)
    assert "## x, 20 images, protocol `small`: clean and restored 90.00 (n = 1)" in lines
    start = next(i for i, line in enumerate(lines) if "best attack" in line and "|" in line)
    rows = [line for line in lines[start:] if "`mrit`" in line or "`seal, lsp`" in line][:2]
    assert "`seal, lsp`" in rows[1]  # no attack was tried on it
    assert "15.00" in rows[1]
    for part in ("21.00 ± 1.41 (2 seeds)", "30.00 (jpeg-10", "43.00 (jpeg-10, inputs defended too)", "42.00",
                 "31.00 (sink-out)", "70.00 (restorer-500)", "2 cores"):  # fmt: skip
        assert part in rows[0]
    assert "head, 500" not in lines[start]
    assert len(plot(entries(ROWS)).axes) == 1


def test_without_quality_or_victims_there_is_no_line():
    assert entries([row for row in ROWS if row.kind != "image-quality"]) == {}
    assert entries([row for row in ROWS if row.kind != "victim"]) == {}


def test_settings_stand_apart():
    """A preset with other options of its own perturbation; another perturbation is another scheme."""
    assert [is_setting(quality(made)) for made in (MRIT, LSP, scheme("mrit", eps=0.1))] == [False, False, True]
