"""The training loop: it learns, it resumes exactly, it refuses what it cannot use."""

from __future__ import annotations

import dataclasses
import errno
import json
import os

import numpy as np
import pytest
import torch
from helpers import SEED

from ripguard.train import loop
from ripguard.train.loop import Unfinished, accuracy, fit
from ripguard.train.protocols import PROTOCOLS, Protocol
from ripguard.weights import save_whole

pytestmark = pytest.mark.numeric

SHORT = dataclasses.replace(PROTOCOLS["smoke"], epochs=3, batch=8, lr=0.02)


@pytest.fixture(scope="module")
def labelled(clean):  # type: ignore[no-untyped-def]
    """The crops of three photographs, by photograph."""
    return clean, np.arange(24) // 8


def weights(victim):  # type: ignore[no-untyped-def]
    return {name: value.clone() for name, value in victim.model.state_dict().items()}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_runs(name, labelled):  # type: ignore[no-untyped-def]
    """One epoch of the small model under each protocol: finite logits of the right shape."""
    images, labels = labelled
    protocol = dataclasses.replace(PROTOCOLS[name], model="fastnet", epochs=1, batch=8)
    logits = fit(images, labels, 3, protocol, SEED).logits(images)
    assert logits.shape == (24, 3)
    assert np.isfinite(logits).all()


def test_it_learns(labelled):  # type: ignore[no-untyped-def]
    """Three photographs are told apart after some epochs; models that stay as they are drawn do no such thing."""
    images, labels = labelled
    protocol = dataclasses.replace(SHORT, epochs=24, lr=0.05)
    assert accuracy(fit(images, labels, 3, protocol, SEED), images, labels) > 80
    drawn = [fit(images, labels, 3, dataclasses.replace(protocol, epochs=1, lr=0.0), seed) for seed in range(4)]
    assert np.mean([accuracy(victim, images, labels) for victim in drawn]) < 65


@pytest.mark.parametrize("protocol", [SHORT, dataclasses.replace(PROTOCOLS["paper"], epochs=3, batch=8)])
def test_a_cut_run_ends_with_the_same_weights(protocol, labelled, tmp_path):  # type: ignore[no-untyped-def]
    """Stopped after every epoch and resumed: weights, logits and log as if never stopped."""
    images, labels = labelled
    whole = fit(images, labels, 3, protocol, 5, log=tmp_path / "whole.jsonl")
    place, log = tmp_path / "c.pt", tmp_path / "cut.jsonl"
    seen = []
    for epochs in (1, 2):  # a shorter schedule would differ: stop by time instead
        with pytest.raises(Unfinished, match=f"{epochs} of 3"):
            _one_epoch(images, labels, protocol, place, log)
        seen.append(torch.load(place, weights_only=True)["epoch"])
    assert seen == [1, 2]
    torch.manual_seed(99)  # nothing outside the checkpoint may matter
    resumed = fit(images, labels, 3, protocol, 5, checkpoint=place, log=log)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    lines = [
        [json.loads(line)["loss"] for line in path.read_text().splitlines()] for path in (tmp_path / "whole.jsonl", log)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 3


@pytest.mark.parametrize("protocol", [SHORT, dataclasses.replace(PROTOCOLS["paper"], epochs=3, batch=8)])
@pytest.mark.parametrize("epoch", [0, 2])
def test_a_run_cut_within_an_epoch(protocol, epoch, labelled, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Killed before the second checkpoint within an epoch: goes on from the first, to the same weights and log."""
    images, labels = labelled
    whole = fit(images, labels, 3, protocol, 5, log=tmp_path / "whole.jsonl")
    place, log = tmp_path / "c.pt", tmp_path / "cut.jsonl"

    def killed(state, path, private):  # type: ignore[no-untyped-def]
        if state["epoch"] == epoch and state["cut"].get("steps") == 2:
            raise KeyboardInterrupt
        save_whole(state, path, private)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(images, labels, 3, protocol, 5, checkpoint=place, log=log, save_every=0)
    stored = torch.load(place, weights_only=True)
    assert (stored["epoch"], stored["cut"]["steps"]) == (epoch, 1)
    log.unlink(missing_ok=True)  # what stands in it is in the checkpoint as well
    torch.manual_seed(99)
    resumed = fit(images, labels, 3, protocol, 5, checkpoint=place, log=log)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    told = [[json.loads(line) for line in path.read_text().splitlines()] for path in (tmp_path / "whole.jsonl", log)]
    assert [one | {"seconds": 0} for one in told[0]] == [one | {"seconds": 0} for one in told[1]]


def _one_epoch(images, labels, protocol: Protocol, place, log):  # type: ignore[no-untyped-def]
    """Go on by one epoch: the clock says that the next would end too late."""
    ticks = iter([0.0, *([0.0] * 1), 10.0, *([10.0] * 50)])
    real, loop.time = loop.time, type("Clock", (), {"monotonic": staticmethod(lambda: next(ticks))})
    try:
        fit(images, labels, 3, protocol, 5, checkpoint=place, log=log, seconds=15)
    finally:
        loop.time = real


def test_a_checkpoint_of_another_run_is_not_used(labelled, tmp_path):  # type: ignore[no-untyped-def]
    """Other seed, other images, other protocol: trained from scratch."""
    images, labels = labelled
    place = tmp_path / "c.pt"
    fit(images, labels, 3, SHORT, 0, checkpoint=place)
    expected = weights(fit(images, labels, 3, SHORT, 1))
    found = weights(fit(images, labels, 3, SHORT, 1, checkpoint=place))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert not torch.equal(expected["head.weight"], weights(fit(images, labels, 3, SHORT, 0))["head.weight"])


def test_a_finished_run_is_not_trained_again(labelled, tmp_path):  # type: ignore[no-untyped-def]
    """Its checkpoint gives the victim back."""
    images, labels = labelled
    first = fit(images, labels, 3, SHORT, checkpoint=tmp_path / "c.pt")
    again = fit(images, labels, 3, SHORT, checkpoint=tmp_path / "c.pt", seconds=0)
    np.testing.assert_array_equal(first.logits(images), again.logits(images))


def test_logits_do_not_depend_on_the_batch(labelled):  # type: ignore[no-untyped-def]
    """Evaluation mode: one image alone is told the same as among others, up to bf16 rounding."""
    images, labels = labelled
    victim = fit(images, labels, 3, SHORT, SEED)
    np.testing.assert_allclose(victim.logits(images), victim.logits(images, batch=5), atol=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, y: (p.astype(float), y), r"expected uint8 \[n, side, side, 3\], got float64"),
        (lambda p, y: (p[:, :16], y), r"got uint8 \[24, 16, 32, 3\]"),
        (lambda p, y: (p, y[:5]), r"labels: expected 24 values in 0\.\.2, got \[5\]"),
        (lambda p, y: (p, y + 1), r"labels: expected 24 values in 0\.\.2"),
    ],
)
def test_wrong_arrays_are_refused(change, message, labelled):  # type: ignore[no-untyped-def]
    """Shape and type in the sentence."""
    with pytest.raises(ValueError, match=message):
        fit(*change(*labelled), 3, SHORT)


def test_schedules():
    """Learning rate at the first, a middle and the last step."""
    from ripguard.train.loop import _factor

    def at(name: str, step: int) -> float:
        protocol = dataclasses.replace(PROTOCOLS["apbench"], schedule=name, epochs=200)
        return _factor(protocol, 10)(step)

    assert [at("cosine", s) for s in (0, 1000, 2000)] == pytest.approx([1, 0.5, 0])
    assert [at("steps", s) for s in (999, 1000, 1999)] == [1, 0.5, 0.5]
    assert [at("triangle", s) for s in (0, 400, 1200, 2000)] == pytest.approx([0.1, 1, 0.5, 0])
    assert at("constant", 1999) == 1
    with pytest.raises(ValueError, match="schedule: expected constant"):
        at("linear", 0)


def test_a_damaged_checkpoint_does_not_block(labelled, tmp_path, capsys):  # type: ignore[no-untyped-def]
    """Junk, a cut file, a state that does not fit, a pipe: told, and trained anew, as if there had been none."""
    images, labels = labelled
    place = tmp_path / "c.pt"
    expected = weights(fit(images, labels, 3, SHORT, 1, checkpoint=place))
    data, state = place.read_bytes(), torch.load(place, weights_only=True)
    damages = [lambda path, b=b: path.write_bytes(b) for b in (b"junk", b"", b"PK\3\4" + bytes(50), data[:-2000])]
    damages.append(lambda path: torch.save(state | {"optimiser": {}}, path))
    damages.append(lambda path: torch.save([1], path))
    if hasattr(os, "mkfifo"):
        damages.append(os.mkfifo)
    for damage in damages:
        place.unlink()
        damage(place)
        found = weights(fit(images, labels, 3, SHORT, 1, checkpoint=place))
        assert "is damaged; training starts again" in capsys.readouterr().err
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    place.unlink()
    place.mkdir()
    with pytest.raises(OSError, match=r"c\.pt"):
        fit(images, labels, 3, SHORT, 1, checkpoint=place)


def test_a_checkpoint_that_cannot_be_read_is_kept(labelled, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """An error of the disk, or too little memory, is no damage: hours of work may be in it."""
    images, labels = labelled
    place = tmp_path / "c.pt"
    fit(images, labels, 3, SHORT, 1, checkpoint=place)
    data = place.read_bytes()
    for error in (OSError(errno.EIO, "Input/output error"), RuntimeError("DefaultCPUAllocator: can't allocate memory")):

        def fails(*arguments, **options):  # type: ignore[no-untyped-def]
            raise error  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(torch, "load", fails)
            with pytest.raises(type(error)):
                fit(images, labels, 3, SHORT, 1, checkpoint=place)
        assert place.read_bytes() == data
