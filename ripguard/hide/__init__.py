"""Hiding methods: reversible ways to make a clean image look like a carrier. A line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ripguard.methods.registry import Registry

if TYPE_CHECKING:
    from ripguard.hide.base import Hiding

HIDINGS: Registry[type[Hiding]] = Registry(
    "ripguard.hidings",
    "--hide",
    {
        "mrit": "ripguard.hide.mrit.method:MRIT",
        "seal": "ripguard.hide.seal.method:Seal",
    },
)
