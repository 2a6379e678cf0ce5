"""Training protocols by name, optionally with another model or number of epochs."""

from __future__ import annotations

import dataclasses

from ripguard.errors import UsageError
from ripguard.train.models import MODELS
from ripguard.train.protocols import PROTOCOLS, Protocol


def recipe_of(protocol: str, model: str | None = None, epochs: int | None = None) -> Protocol:
    """The protocol with ``model`` and ``epochs`` replaced if given. Raises :class:`UsageError` for unknown names."""
    if protocol not in PROTOCOLS:
        raise UsageError(f"--protocol: expected one of {', '.join(PROTOCOLS)}, got {protocol!r}")
    own = PROTOCOLS[protocol]
    recipe = dataclasses.replace(own, model=model or own.model, epochs=epochs or own.epochs)
    if recipe.model not in MODELS:
        raise UsageError(f"--model: expected one of {', '.join(MODELS)}, got {recipe.model!r}")
    return recipe
