"""Schemes: a name for everything between clean images and protected ones."""

from __future__ import annotations

from ripguard.errors import UsageError
from ripguard.methods import registries
from ripguard.schemes.base import Scheme
from ripguard.schemes.presets import SCHEMES
from ripguard.schemes.stored import label

__all__ = ["SCHEMES", "find", "label", "names"]


def names() -> list[str]:
    """Of all schemes: those of two axes, and those of one step."""
    return [*SCHEMES, *(name for name in registries.SCHEMES if name not in SCHEMES)]


def find(name: str) -> Scheme:
    """A scheme by its name. Raises :class:`UsageError`."""
    if name in SCHEMES:
        return SCHEMES[name]
    if name not in registries.SCHEMES:
        raise UsageError(f"--scheme: expected one of {', '.join(names())}, got {name!r}")
    return registries.SCHEMES[name]()
