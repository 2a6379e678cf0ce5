"""ripguard: publish an image data set from which ordinary training learns next to nothing; a key turns it back exactly.

The short public list. Restoring imports neither torch nor anything else that is only needed to protect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Key", "ProtectedDataset", "protect", "restore", "schemes", "verify"]

if TYPE_CHECKING:
    from ripguard import schemes
    from ripguard.keys import Key
    from ripguard.release.protect import protect
    from ripguard.release.restore import restore
    from ripguard.release.verify import verify
    from ripguard.train.protected import ProtectedDataset

_HOMES = {
    "Key": "ripguard.keys",
    "ProtectedDataset": "ripguard.train.protected",
    "protect": "ripguard.release.protect",
    "restore": "ripguard.release.restore",
    "verify": "ripguard.release.verify",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "schemes":
        return importlib.import_module("ripguard.schemes")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ripguard' has no attribute {name!r}")
