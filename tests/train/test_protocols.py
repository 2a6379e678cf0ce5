"""Protocols: what records call them."""

from __future__ import annotations

from ripguard.train.protocols import PROTOCOLS, called


def test_another_model_or_length_is_another_name():
    own = PROTOCOLS["small"]
    assert called("small") == called("small", own.model, own.epochs) == "small"
    assert called("small", None, 24) == "small (24 epochs)"
    assert called("small", "vgg") == "small (vgg)"
    assert called("small", "vgg", 24) == "small (vgg, 24 epochs)"
