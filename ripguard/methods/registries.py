"""All methods there are: a line for each of ours; those of other packages come by entry points.

Only names stand here. A method's module is imported when the method is chosen, or when an image says that it was
hidden by it.
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
        "fsp": "ripguard.perturb.fsp:FSP",
        "em": "ripguard.perturb.em:EM",
        "em-sample": "ripguard.perturb.em_sample:EMSample",
        "lsp": "ripguard.perturb.lsp:LSP",
        "ar": "ripguard.perturb.ar:AR",
        "ops": "ripguard.perturb.ops:OPS",
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
    },
)
SCHEMES: Registry[type[OneStep]] = Registry("ripguard.schemes", "--scheme", {})  # those that are not of two axes


@functools.cache
def revealing_class(number: int) -> type[Revealing] | None:
    """The class that reveals what was hidden by the method with this number; None if there is none here."""
    for registry in (HIDINGS, SCHEMES):
        for name in registry:
            with contextlib.suppress(RipguardError):  # a package that is broken hides nothing of the others
                found: Any = registry[name]
                if getattr(getattr(found, "tail", None), "number", None) == number:
                    return found
    return None
