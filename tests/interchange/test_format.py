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
QUICK = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def through(dataset: Annotated, name: str) -> tuple[Annotated, list]:
    """The dataset after writing and reading, and the losses that writing listed."""
    with tempfile.TemporaryDirectory() as place:
        format = FORMATS[name]()
        lost = format.write(dataset, Path(place) / "out")
        reading = format.read(Path(place) / "out")
        assert reading.rejections == ()
        for one in reading.dataset.samples:
            assert one.media.read().startswith(b"\x89PNG")
        return reading.dataset, lost


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(dataset=datasets())
def test_reading_gives_what_fit_promised(name, dataset):  # type: ignore[no-untyped-def]
    """And the losses are what differs between both: none if nothing differs."""
    fitted = FORMATS[name]().fit(tidy(dataset))
    back, lost = through(dataset, name)
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
    one, lost_first = through(dataset, first)
    two, lost_second = through(one, second)
    back, lost_third = through(two, first)
    named = {loss.field for loss in [*lost_first, *lost_second, *lost_third]}
    wanted = tidy(dataset)
    if not named:
        assert back.ordered() == wanted.ordered()
    if not {loss.field for loss in [*lost_second, *lost_third]}:
        assert back.ordered() == one.ordered()
