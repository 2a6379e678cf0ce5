"""Perturbations: clean images in, carriers out that a model should learn the wrong thing from. A line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ripguard.methods.registry import Registry

if TYPE_CHECKING:
    from ripguard.perturb.base import Perturbation

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
