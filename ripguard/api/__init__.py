"""All use cases as functions: for the command line, experiments, notebooks and other programs.

::

    import ripguard

    ripguard.keygen("my.key")
    ripguard.protect("photos", "out", "my.key", scheme="balanced", limit=60)
    ripguard.restore("out", "again", "my.key")

Paths may be strings. A key is a :class:`Key` or the path of its file; restoring accepts any :class:`KeyRing`. Every
refusal is a :class:`RipguardError` with a hint, also for a missing optional library. Each call imports what it needs
when it runs: restoring does not need torch.

``progress`` is called with a :class:`ripguard.progress.Progress` at every step. Without it, progress bars are drawn if
standard error is a terminal.
"""

from ripguard.api.checking import check, read_source
from ripguard.api.converting import convert, examine, list_formats
from ripguard.api.datasets import export, list_datasets
from ripguard.api.keys import GeneratedKeys, keygen
from ripguard.api.measuring import audit, evaluate, report, train
from ripguard.api.methods import choose_scheme, describe_method, list_methods, list_schemes
from ripguard.api.privdl import privdl_infer, privdl_test, privdl_train
from ripguard.api.protecting import protect
from ripguard.api.releases import collect_garbage, inspect, restore, verify
from ripguard.api.vault import (
    vault_add_recipient,
    vault_decrypt,
    vault_drop_recipient,
    vault_encrypt,
    vault_inspect,
    vault_recipients,
    vault_verify,
)

__all__ = [
    "GeneratedKeys", "audit", "check", "choose_scheme", "collect_garbage", "convert", "describe_method", "evaluate",
    "examine", "export", "inspect", "keygen", "list_datasets", "list_formats", "list_methods", "list_schemes",
    "privdl_infer", "privdl_test", "privdl_train", "protect", "read_source", "report", "restore", "train",
    "vault_add_recipient", "vault_decrypt", "vault_drop_recipient", "vault_encrypt", "vault_inspect",
    "vault_recipients", "vault_verify", "verify",
]  # fmt: skip
