"""Encrypted datasets: any tree of files in a folder of shards, read with a key, for training directly too.

``docs/reference/vault-format.md`` specifies the format. A vault hides its files from everybody without a key; it is not
a protected release, whose images everybody can look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ripguard.vault.dataset import VaultDataset
    from ripguard.vault.opening import AgeIdentities, Passphrase
    from ripguard.vault.reading import Vault

__all__ = ["AgeIdentities", "Passphrase", "Vault", "VaultDataset"]
_HOMES = {"AgeIdentities": "opening", "Passphrase": "opening", "Vault": "reading", "VaultDataset": "dataset"}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        from ripguard.errors import refusing

        with refusing():  # without torch, VaultDataset names what to install
            return getattr(importlib.import_module(f"ripguard.vault.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ripguard.vault' has no attribute {name!r}")
