"""Registries of all methods: one line for each built-in method; other packages add methods by entry points.

The lines are names only. A method's module is imported when the method is selected, or when the header of an image
names it.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from ripguard.errors import RipguardError
from ripguard.methods.registry import Registry

if TYPE_CHECKING:
    from ripguard.hide.base import Hiding, Revealing
    from ripguard.perturb.base import Perturbation
    from ripguard.schemes.one_step import OneStep

PERTURBATIONS: Registry[type[Perturbation]] = Registry(
    "ripguard.perturbations",
    "--perturb",
    {
        "marks": "ripguard.perturb.marks:Marks",
        "layered": "ripguard.perturb.layered:Layered",
        "tap": "ripguard.perturb.tap:TAP",
        "carve": "ripguard.perturb.carve:Carve",
        "fsp": "ripguard.perturb.fsp:FSP",
        "em": "ripguard.perturb.em:EM",
        "em-sample": "ripguard.perturb.em_sample:EMSample",
        "lsp": "ripguard.perturb.lsp:LSP",
        "ar": "ripguard.perturb.ar:AR",
        "ops": "ripguard.perturb.ops:OPS",
        "pil": "ripguard.perturb.pil:PIL",
        "dune": "ripguard.perturb.dune:DUNE",
        "lock": "ripguard.perturb.lock.method:Lock",
        "noise": "ripguard.perturb.noise:Noise",
        "none": "ripguard.perturb.base:Unperturbed",
    },
)
HIDINGS: Registry[type[Hiding]] = Registry(
    "ripguard.hidings",
    "--hide",
    {
        "mrit": "ripguard.hide.mrit.method:MRIT",
        "seal": "ripguard.hide.seal.method:Seal",
        "rdh": "ripguard.hide.rdh.method:RDH",
        "rit": "ripguard.hide.rit.method:RIT",
    },
)
SCHEMES: Registry[type[OneStep]] = Registry(  # one-step schemes
    "ripguard.schemes", "--scheme", {"privdl": "ripguard.schemes.privdl:PrivDL"}
)


@functools.cache
def revealing_class(number: int) -> type[Revealing] | None:
    """The class that restores images of the method with this number; None if it is not installed."""
    for registry in (HIDINGS, SCHEMES):
        for name in registry:
            with contextlib.suppress(RipguardError):  # a broken package must not affect the others
                found: Any = registry[name]
                if getattr(getattr(found, "tail", None), "number", None) == number:
                    return found
    return None
