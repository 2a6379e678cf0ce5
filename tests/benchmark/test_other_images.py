"""Two victims whose backbones have seen other images are two measurements, wherever they are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from measurements import row, victim

from ripguard.benchmark.accuracy import key
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.defended import applicable
from ripguard.benchmark.entry import Entry
from ripguard.benchmark.other_images import ELSEWHERE, defence_called, pretrained_on, seen_before, sources_for
from ripguard.benchmark.table import cells
from ripguard.benchmark.victims import Job
from ripguard.errors import UsageError

KNOWN = "tinyimagenet, tinyimagenet:second"


def tuned(seen: str | None = None, accuracy: float = 50.0, defence: str = "pretrained"):  # type: ignore[no-untyped-def]
    setting = {} if seen is None else {"pretrained_on": seen}
    return victim("protected", 0, accuracy, defence, dataset="cifar10", setting=setting)


def test_no_dataset_is_its_own_elsewhere():
    assert all(name not in ELSEWHERE[name] for name in ELSEWHERE)


def test_a_dataset_without_a_backbone(tmp_path):  # type: ignore[no-untyped-def]
    own, other = (str(tmp_path / name) for name in ("own", "other"))
    Path(own).mkdir()
    Path(other).mkdir()
    with pytest.raises(UsageError, match="there is no backbone for photos") as found:
        sources_for("photos")
    assert "--pretrain-on" in found.value.hint
    assert sources_for("photos", "cifar10") == ("cifar10",)
    for same in (own, f"{own}/", f"{own}/../own"):
        with pytest.raises(UsageError, match="is the protected dataset itself"):
            sources_for(own, same)
    assert "pretrained" not in applicable(own)
    assert applicable(own, other) == list(DEFENCES)


def test_a_row_that_does_not_tell_is_of_the_known_images():
    assert seen_before(tuned()) == seen_before(tuned(KNOWN)) == KNOWN
    assert key(tuned()) == key(tuned(KNOWN)) != key(tuned("photos"))
    assert [seen_before(tuned(defence=name)) for name in ("none", "jpeg-10", "loss-maximising")] == [""] * 3
    assert pretrained_on("pretrained", "somewhere") == ""
    assert pretrained_on("pretrained-frozen", "somewhere", "photos") == "photos"


def test_an_attack_names_its_defence():
    attacks = ("none", "class-patterns", "class-patterns+jpeg-10", "class-patterns+pretrained")
    rows = [row("undo", {"test_acc": 1.0}, dataset="cifar10", attack=attack) for attack in attacks]
    assert [seen_before(one) for one in rows] == ["", "", "", KNOWN]


def test_they_are_no_two_seeds_of_one():
    rows = [tuned(accuracy=40.0), tuned("photos", 60.0)]
    assert [defence_called(one) for one in rows] == ["pretrained", "pretrained (photos)"]
    assert [(cell.defence, cell.test) for cell in cells(rows)] == [("pretrained", 40.0), ("pretrained (photos)", 60.0)]
    entry = Entry("x")
    for one in rows:
        entry.take(one)
    assert entry.defended == {"pretrained": [40.0], "pretrained (photos)": [60.0]}


def test_they_have_checkpoints_of_their_own():
    def stem(defence: str, pretrain_on: str) -> str:
        return Job("protected", "x", "p", "small", "m", 0, "w", "l", defence=defence, pretrain_on=pretrain_on).stem

    assert stem("pretrained", "") == "protected-m-0-pretrained"
    assert len({stem("pretrained", one) for one in ("", "photos", "./photos")}) == 3
    assert stem("jpeg-10", "photos") == stem("jpeg-10", "")
