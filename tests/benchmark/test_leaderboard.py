"""The leaderboard: records of three experiments meet in one line of a scheme; what is missing stays empty."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ripguard.benchmark.leaderboard import _apart, entries, page, plot, present, worst


def made(name: str, perturb: str) -> dict[str, Any]:
    return {
        "name": name,
        "perturb": perturb,
        "eps": None,
        "target": "opposite",
        "sink": True,
        "steps": 20,
        "through": [],
    }


def row(split: str, defence: str, seed: int, accuracy: float) -> dict[str, Any]:
    return {"split": split, "defence": defence, "seed": seed, "digest": split, "test_accuracy": accuracy, "images": 20}


LOOKS = {"psnr_to_clean": {"median": 26.5}, "ssim_to_clean": {"median": 0.9}}
RECORDS: list[dict[str, Any]] = [
    {
        "name": "table1 x small mrit", "dataset": "x", "protocol": "small", "scheme": "mrit", "looks": LOOKS,
        "release": {"scheme": made("mrit", "marks")},
        "rows": [row("clean", "none", 0, 90.0), row("protected", "none", 0, 20.0), row("protected", "none", 1, 22.0),
                 row("protected", "jpeg-10", 0, 28.0) | {"treated_accuracy": 30.0}, row("protected", "blur", 0, 25.0),
                 row("protected", "loss-maximising", 0, 80.0)],
    },
    {
        "name": "table1 x small seal, lsp", "dataset": "x", "protocol": "small", "scheme": "seal, lsp", "looks": LOOKS,
        "release": {"scheme": made("seal", "lsp")}, "rows": [row("protected", "none", 0, 15.0)],
    },
    {
        "name": "adaptive x small mrit", "dataset": "x", "protocol": "adaptive", "victims": "small", "scheme": "mrit",
        "release": {"scheme": made("mrit", "marks")},
        "rows": [{"trained_on": "protected", "defence": "none", "attack": "output permutation", "clean_pictures": 100,
                  "test_accuracy": value} for value in (40.0, 44.0)]
        + [{"trained_on": "protected", "defence": defence, "attack": "standardised outputs", "clean_pictures": 0,
            "test_accuracy": value}
           for defence, value in (("none", 41.0), ("jpeg-10", 39.0), ("jpeg-10, asked so too", 43.0),
                                  ("loss-maximising", 80.0))],
    },
    {
        "name": "undo x small mrit", "dataset": "x", "protocol": "undo", "scheme": "mrit", "recipe": {"name": "small"},
        "release": {"scheme": made("mrit", "marks")},
        "rows": [{"attack": attack, "test_accuracy": plain, "standardised_accuracy": standardised}
                 for attack, plain, standardised in (("none", 20.0, 22.0), ("restorer-500", 60.0, 70.0),
                                                     ("sink-out", 30.0, 31.0), ("alone-10", 80.0, 80.0))],
    },
]  # fmt: skip


def test_records_meet():
    """… and a defence that was withdrawn counts no more."""
    board = entries(RECORDS)
    ours = board["x", "small", 20, "mrit"]
    assert (ours.clean, ours.plain, ours.best_defence) == ({("clean", "", 0): 90.0}, [20.0, 22.0], ("jpeg-10", 30.0))
    assert ours.reached("output permutation", 100) == ("none", 42.0)
    assert ours.reached("standardised outputs", 0) == ("jpeg-10, asked so too", 43.0)  # 41 from the plain victim
    assert ours.reached("linear head", 100) is None
    assert (ours.best_undoing, ours.best_leaked) == (("sink-out", 31.0), ("restorer-500", 70.0))
    assert worst(ours) == 43.0
    lines = page(board, [])
    assert "## x, 20 images, protocol `small`: clean and restored 90.00 (n = 1)" in lines
    second, first = [line for line in lines if line.startswith("| `")]  # without defences: below; gaps empty
    assert first == "| `seal, lsp` | 26.5 dB, 0.900 | 15.00 |  |  |  |  |  |  |  |"
    assert "| 21.00 ± 1.41 (2 seeds) | 30.00 (jpeg-10 of 2) | 43.00 (jpeg-10, asked so too) | 42.00 |" in second
    assert second.endswith("| 42.00 |  |  | 31.00 (sink-out) | 70.00 (restorer-500) |")
    assert len(plot(board).axes) == 1


def test_numbers_go_to_their_own_release():
    """An attacker's record that names its release says nothing of another; the newest of a name counts."""
    named = copy.deepcopy(RECORDS)
    for record, release in zip(named, ("a", "b", "other", "a")):
        record["release"]["dataset_id"] = release
    named[3]["pictures"] = 19
    ours = entries(named)["x", "small", 20, "mrit"]
    assert (ours.adaptive, ours.undone, ours.leaked) == ({}, {}, {})
    named[2]["release"]["dataset_id"], named[3]["pictures"] = "a", 20
    again = copy.deepcopy(named[2])
    again["rows"] = again["rows"][:1]
    ours = entries([*named, again])["x", "small", 20, "mrit"]
    assert ours.adaptive == {("output permutation", 100): {"none": [40.0]}}
    assert (ours.undone, ours.leaked) == ({"sink-out": [31.0]}, {"restorer-500": [70.0]})


def test_releases_under_two_keys_are_one_line():
    """… and an attacker's record of either is about it; one that is not finished hides nothing, and adds nothing."""
    named = copy.deepcopy(RECORDS)
    for record, release in zip(named, "axab"):
        record["release"]["dataset_id"] = release
    again = copy.deepcopy(named[0]) | {"rows": [row("protected", "none", 2, 27.0)]}
    again["release"]["dataset_id"] = "b"
    ours = entries([*named, again])["x", "small", 20, "mrit"]
    assert (ours.plain, ours.best_defence, ours.releases) == ([20.0, 22.0, 27.0], ("jpeg-10", 30.0), ["b", "a"])
    assert ours.reached("output permutation", 100) == ("none", 42.0)
    assert ours.best_undoing == ("sink-out", 31.0)
    del again["looks"]
    assert entries([*named, again])["x", "small", 20, "mrit"].plain == [20.0, 22.0]


def test_labels_stay_apart():
    """In order, far enough, and where there is room at their own places."""
    places = _apart([26.6, 22.2, 26.3, 31.5, 26.6], 0.8)
    assert list(np.argsort(places)) == [1, 2, 0, 4, 3]
    assert min(np.diff(sorted(places))) >= 0.8 - 1e-9
    assert (places[1], places[3]) == (22.2, 31.5)


def test_earlier_forms_stand_apart():
    """Below the others where the scheme is there as it is now; a peer of the same hiding method is none of them."""
    board = entries(RECORDS)
    old = copy.deepcopy(board["x", "small", 20, "mrit"])
    old.scheme = "mrit, no sink, target cyclic"
    assert present([*board.values(), old]) == list(board.values())
    assert present([old]) == [old]
    lines = page(board | {("x", "small", 20, old.scheme): old}, [])
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == ["mrit", "seal, lsp", old.scheme]


def test_without_looks_or_victims_there_is_no_line():
    bare = [{k: v for k, v in record.items() if k != "looks"} for record in RECORDS]
    assert entries(bare) == {}
