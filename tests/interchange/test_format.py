"""What a format holds, and what it loses: for every dataset, reading gives exactly what ``fit`` promised."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from interchange_data import datasets

from ripguard.interchange.checks import tidy
from ripguard.interchange.losses import losses
from ripguard.interchange.model import Annotated
from ripguard.interchange.registry import FORMATS

NAMES = tuple(FORMATS.own)
QUICK = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


def through(dataset: Annotated, name: str, place: Path) -> tuple[Annotated, list]:
    """The dataset after writing and reading, and the losses that writing listed."""
    format = FORMATS[name]()
    lost = format.write(dataset, place)
    reading = format.read(place)
    assert reading.rejections == ()
    assert all(one.media.read().startswith(b"\x89PNG") for one in reading.dataset.samples)
    return reading.dataset, lost


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(dataset=datasets())
def test_reading_gives_what_fit_promised(name, dataset):  # type: ignore[no-untyped-def]
    """And the losses are what differs between both: none if nothing differs."""
    fitted = FORMATS[name]().fit(tidy(dataset))
    with tempfile.TemporaryDirectory() as place:
        back, lost = through(dataset, name, Path(place) / "out")
    assert back.ordered() == fitted.ordered()
    assert lost == losses(tidy(dataset), fitted, name) == FORMATS[name]().losses(dataset)
    assert (lost == []) == (tidy(dataset) == fitted)


@pytest.mark.slow
@pytest.mark.parametrize("second", NAMES)
@pytest.mark.parametrize("first", NAMES)
@settings(QUICK, max_examples=15)
@given(dataset=datasets())
def test_every_pair(first, second, dataset):  # type: ignore[no-untyped-def]
    """There and back again: all that differs in the end was in one of the lists of losses."""
    found, named, wanted = dataset, list[str](), []
    with tempfile.TemporaryDirectory() as place:
        for number, name in enumerate((first, second, first)):
            wanted.append(tidy(found).ordered())
            found, lost = through(found, name, Path(place) / str(number))
            named.append(" ".join(sorted(loss.field for loss in lost)))
    for start in range(3):  # the first step from which on nothing is lost
        if not any(named[start:]):
            assert found.ordered() == wanted[start]
            break
