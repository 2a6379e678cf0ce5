"""Publish an image dataset from which plain training learns little; a key restores it exactly.

This package exports the most common names; :mod:`ripguard.api` has all use cases. Names are imported when first used:
restoring imports neither torch nor other libraries that only protecting needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Key", "ProtectedDataset", "RipguardError", "audit", "check", "inspect", "keygen", "list_datasets", "list_schemes",
    "protect", "report", "restore", "schemes", "verify",
]  # fmt: skip

if TYPE_CHECKING:
    from ripguard import schemes
    from ripguard.api import (
        audit,
        check,
        inspect,
        keygen,
        list_datasets,
        list_schemes,
        protect,
        report,
        restore,
        verify,
    )
    from ripguard.crypto.keys import Key
    from ripguard.errors import RipguardError
    from ripguard.train.protected import ProtectedDataset

_HOMES = {
    "Key": "ripguard.crypto.keys",
    "ProtectedDataset": "ripguard.train.protected",
    "RipguardError": "ripguard.errors",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("api", "schemes"):
        return importlib.import_module(f"ripguard.{name}")
    if name in __all__:
        from ripguard.errors import refusing

        with refusing():  # a missing library is named, with the command that installs it
            return getattr(importlib.import_module(_HOMES.get(name, "ripguard.api")), name)
    raise AttributeError(f"module 'ripguard' has no attribute {name!r}")
