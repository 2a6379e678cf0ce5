"""Schemes: a name for a perturbation, a hiding method, and their parameters. A new scheme is one line here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from ripguard.errors import UsageError
from ripguard.hide.mrit.transform import Params


@dataclass(frozen=True)
class Scheme:
    """One point in the plane of perturbation × hiding.

    Attributes:
        name: what the command line calls it.
        note: one line for ``--help``.
        perturb, eps, steps, layer, target: see :mod:`ripguard.perturb.fsp`.
        hide: parameters of mRIT.
    """

    name: str
    note: str
    perturb: str = "fsp"
    eps: float = 0.07
    steps: int = 10
    layer: str = "features"
    target: str = "cyclic"
    hide: Params = field(default_factory=Params)

    def with_options(self, options: dict[str, object]) -> Scheme:
        """The scheme with command-line options in place of its own values; None means: keep."""
        own = {k: v for k, v in options.items() if v is not None and k in SCHEME_FIELDS}
        hide = {k: v for k, v in options.items() if v is not None and k in HIDE_FIELDS}
        try:
            return dataclasses.replace(self, **own, hide=dataclasses.replace(self.hide, **hide))  # type: ignore[arg-type]
        except ValueError as error:
            raise UsageError(str(error)) from None


SCHEME_FIELDS = ("perturb", "eps", "steps", "layer", "target")
HIDE_FIELDS = ("size", "step", "overflow", "pairing", "tile")

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("mrit", "our best setting: 2×2 blocks, best assignment, cyclic target"),
        Scheme(
            "paper",
            "a close reading of Xue et al.: 4×4 blocks, SD classes, random target",
            layer="stage3",
            target="random",
            hide=Params(size=4, pairing="sd-classes", step=8, overflow=8, tile=1024),
        ),
    )
}
