"""A start at other weights: what is taken over, what is frozen, and that a cut run ends as a whole one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers import SEED

from ripguard.train.loop import Unfinished, Victim, fit
from ripguard.train.models import MODELS, build, head_of
from ripguard.train.protocols import PROTOCOLS
from ripguard.train.start import Start

pytestmark = pytest.mark.numeric

SHORT = dataclasses.replace(PROTOCOLS["smoke"], epochs=2, batch=8, lr=0.02)


@pytest.fixture(scope="module")
def other(clean):  # type: ignore[no-untyped-def]
    """A model of two classes of other images, as a start."""
    return Start(fit(255 - clean, np.arange(24) % 2, 2, SHORT, SEED).state(), "other")


def parts(victim: Victim) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights and statistics below the head, and the head."""
    name, state = head_of(victim.model)[0], victim.model.state_dict()
    body = {key: value for key, value in state.items() if not key.startswith(f"{name}.")}
    return body, {key: value for key, value in state.items() if key not in body}


@pytest.mark.parametrize("name", MODELS)
def test_the_head_of_every_model(name):  # type: ignore[no-untyped-def]
    assert head_of(build(name, 7, 32))[1].out_features == 7


def test_frozen_trains_the_head_alone(clean, other):  # type: ignore[no-untyped-def]
    """Running statistics of batch norm stay as well, and so do mean and SD of the images."""
    labels = np.arange(24) // 8
    victim = fit(clean, labels, 3, SHORT, SEED, start=dataclasses.replace(other, frozen=True))
    body, head = parts(victim)
    assert all(torch.equal(value, other.state["net"][key]) for key, value in body.items())
    assert any("running_var" in key for key in body)
    (drawn,) = parts(fit(clean, labels, 3, dataclasses.replace(SHORT, lr=0.0), SEED))[1].values()
    (weight,) = head.values()
    assert not torch.equal(weight, drawn)
    assert torch.equal(victim.mean, other.state["mean"])


def test_fine_tuning_trains_everything(clean, other):  # type: ignore[no-untyped-def]
    victim = fit(clean, np.arange(24) // 8, 3, SHORT, SEED, start=other)
    body, _ = parts(victim)
    fixed = {key for key, value in body.items() if torch.equal(value, other.state["net"][key])}
    assert fixed == {"whiten.weight", "whiten.bias"}  # which no protocol trains
    still = fit(clean, np.arange(24) // 8, 3, dataclasses.replace(SHORT, lr=0.0), SEED, start=other)
    moved = {key for key, value in parts(still)[0].items() if not torch.equal(value, other.state["net"][key])}
    assert all("running" in key or "num_batches" in key for key in moved)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_cut_run_ends_the_same(frozen, clean, other, tmp_path):  # type: ignore[no-untyped-def]
    """… and a checkpoint of another start, or of none, is not resumed from."""
    labels, start, place = np.arange(24) // 8, dataclasses.replace(other, frozen=frozen), tmp_path / "c.pt"
    whole = fit(clean, labels, 3, SHORT, SEED, start=start)
    fit(clean, labels, 3, SHORT, SEED, checkpoint=place)
    with pytest.raises(Unfinished):  # nothing of the plain run counts
        fit(clean, labels, 3, SHORT, SEED, checkpoint=place, seconds=-1, start=start)
    resumed = fit(clean, labels, 3, SHORT, SEED, checkpoint=place, start=start)
    again = fit(clean, labels, 3, SHORT, SEED, checkpoint=place, start=start)
    for victim in (resumed, again):
        assert all(torch.equal(a, b) for a, b in zip(whole.state()["net"].values(), victim.state()["net"].values()))
    assert len({other.identity, start.identity}) == 1 + frozen
