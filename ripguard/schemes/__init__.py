"""Schemes: named, complete configurations of how clean images become protected ones."""

from __future__ import annotations

from ripguard.errors import UsageError
from ripguard.methods import registries
from ripguard.schemes.base import Scheme
from ripguard.schemes.presets import SCHEMES
from ripguard.schemes.stored import label

__all__ = ["SCHEMES", "find", "label", "names"]


def names() -> list[str]:
    """Names of all schemes: the presets, and one-step schemes of other packages."""
    return [*SCHEMES, *(name for name in registries.SCHEMES if name not in SCHEMES)]


def find(name: str) -> Scheme:
    """The scheme with this name. Raises :class:`UsageError` for an unknown one."""
    if name in SCHEMES:
        return SCHEMES[name]
    if name not in registries.SCHEMES:
        raise UsageError(f"--scheme: expected one of {', '.join(names())}, got {name!r}")
    return registries.SCHEMES[name]()
