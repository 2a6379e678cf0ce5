"""Schemes: a name for everything between clean images and protected ones."""

from __future__ import annotations

from ripguard.errors import UsageError
from ripguard.schemes.base import Scheme
from ripguard.schemes.presets import SCHEMES
from ripguard.schemes.stored import label

__all__ = ["SCHEMES", "find", "label", "names"]


def names() -> list[str]:
    """Of all schemes."""
    return list(SCHEMES)


def find(name: str) -> Scheme:
    """A scheme by its name. Raises :class:`UsageError`."""
    if name not in SCHEMES:
        raise UsageError(f"--scheme: expected one of {', '.join(SCHEMES)}, got {name!r}")
    return SCHEMES[name]
