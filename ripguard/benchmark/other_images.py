"""Which other images the backbone of a victim has seen: those given, or those known for the protected dataset."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.records import Measurement
from ripguard.errors import UsageError

# dataset → sources at hand that share no image with it
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "cifar10": ("tinyimagenet", "tinyimagenet:second"),
    "tinyimagenet": ("tinyimagenet:second", "cifar10"),
    "tinyimagenet:second": ("tinyimagenet", "cifar10"),
}


def sources_for(dataset: str, pretrain_on: str = "") -> tuple[str, ...]:
    """Sources that a backbone for ``dataset`` is trained on: ``pretrain_on``, or those of ELSEWHERE.

    Raises:
        UsageError: ``dataset`` has none of its own and none is given, or the given one is ``dataset`` itself.
    """
    if not pretrain_on:
        if dataset not in ELSEWHERE:
            raise UsageError(
                f"there is no backbone for {dataset}: it is not known which other images share none with it",
                "name a dataset or a folder of other images with --pretrain-on",
            )
        return ELSEWHERE[dataset]
    if _same(dataset, pretrain_on):
        raise UsageError(
            f"--pretrain-on: {pretrain_on} is the protected dataset itself", "name a dataset or a folder of others"
        )
    return (pretrain_on,)


def pretrained_on(defence: str | None, dataset: str, pretrain_on: str = "") -> str:
    """The same as records keep it; "" for a defence that starts from no backbone, or where no images are known."""
    known = DEFENCES.get(defence or "none")
    if known is None or not known.start:
        return ""
    return pretrain_on or ", ".join(ELSEWHERE.get(dataset, ()))


def seen_before(row: Measurement) -> str:
    """What the backbone of a measurement has seen; where its row does not tell, what is known for the dataset."""
    return str(row.setting.get("pretrained_on") or pretrained_on(defence_of(row), row.dataset))


def defence_of(row: Measurement) -> str:
    """The defence of a measurement; ``experiments/undo.py`` names it after the attack."""
    return row.defence or (row.attack or "").partition("+")[2] or "none"


def defence_called(row: Measurement) -> str:
    """What tables call the defence of a measurement: with the backbone's images, unless these are the known ones."""
    name = row.defence or "none"
    seen = seen_before(row)
    return name if seen == pretrained_on(name, row.dataset) else f"{name} ({seen})"


def mark_of(defence: str, pretrain_on: str) -> str:
    """End of the file names of victims whose backbone has seen given images: ``@`` and a digest of their source."""
    given = pretrain_on if DEFENCES[defence].start else ""
    return f"@{hashlib.sha256(given.encode()).hexdigest()[:8]}" if given else ""


def _same(one: str, other: str) -> bool:
    return one == other or (
        Path(one).is_dir() and Path(other).is_dir() and Path(one).resolve() == Path(other).resolve()
    )
