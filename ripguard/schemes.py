"""Schemes: a name for a perturbation, a hiding method, and their parameters. A new scheme is one line here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ripguard.compress.coders import CODERS, USUAL
from ripguard.errors import UsageError
from ripguard.hide.mrit.transform import Params
from ripguard.perturb.marks import CELLS, COLOURS, EPS, GREY, OPPOSITE, enough_cells
from ripguard.perturb.names import MARKED

FEW_CELLS, ALL_CELLS = CELLS[0], CELLS[-1]


@dataclass(frozen=True)
class Scheme:
    """One point in the plane of perturbation × hiding.

    Attributes:
        name: what the command line calls it.
        note: one line for ``--help``.
        perturb: a name in :data:`ripguard.release.aim.NAMES`: ``marks`` (:mod:`ripguard.perturb.marks`), ``tap``, ….
        eps, steps, target: see there; layer: of ``fsp``. ``target`` None: ``opposite`` for marks, else ``cyclic``.
        tint: whether grey pictures are published in colour where the data set has coloured ones too. None: where
            the perturbation has marks. In a plan it is settled, and None if the pictures are all of one kind.
        sink: whether one class has smaller marks than the others (:mod:`ripguard.perturb.marks`). None: with marks.
        cells: of the 16 that patches of marks may stand on, how many a class has; more where that is too few to tell
            the classes apart, see :meth:`with_cells_for`. None: by picture size, see :meth:`settled`.
        surrogate_share: of the training pictures, class by class, that a surrogate or a search gets to see.
        through: of ``tap`` (and ``layered``), what a victim may do to pictures (:mod:`ripguard.perturb.through`).
        coarse: whether the surrogate has a coarse trunk beside the fine one.
            ``eps`` and ``coarse`` may be None: by picture size, see :meth:`settled`.
        size: block side of mRIT; None: by picture size, see :func:`block_side`.
        hide: the other parameters of mRIT.
        method: ``mrit``, or ``seal`` (:mod:`ripguard.hide.seal`); what follows is of the latter.
        planes: bit-planes that a payload may reach into.
        coders: names in :mod:`ripguard.compress.coders`; the cheapest is taken, picture by picture.
        allow_residue: complete by residue what finds no room, instead of refusing the picture.
    """

    name: str
    note: str
    perturb: str = "marks"
    eps: float | None = None
    steps: int = 20
    layer: str = "features"
    target: str | None = None
    coarse: bool | None = None
    tint: bool | None = None
    sink: bool | None = None
    cells: int | None = ALL_CELLS
    surrogate_share: float = 1.0
    through: tuple[str, ...] = ()
    size: int | None = None
    hide: Params = field(default_factory=Params)
    method: str = "mrit"
    planes: int = 8  # one picture of CIFAR-10 needs all of them
    coders: tuple[str, ...] = USUAL
    allow_residue: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.planes <= 8:
            raise ValueError(f"planes: expected 1..8, got {self.planes}")
        if self.cells not in (None, *CELLS):
            raise ValueError(f"cells: expected one of {', '.join(map(str, CELLS))}, got {self.cells}")
        if not self.coders or set(self.coders) - set(CODERS):
            raise ValueError(f"coders: expected some of {', '.join(CODERS)}, got {', '.join(self.coders) or 'none'}")

    def params(self, shape: tuple[int, ...]) -> Params:
        """Parameters of mRIT for pictures of ``(height, width, …)``."""
        return dataclasses.replace(self.hide, size=self.size or block_side(shape[0], shape[1]))

    def settled(self, side: int) -> Scheme:
        """With the values that hang on the side (in pixels) at which a surrogate sees the pictures.

        From 64 pixels up victims with an ImageNet stem are usual. What only a fine net sees does not mislead them, and
        they average much of a small perturbation away: on held-out pictures (docs/reproduction.md) both are needed.
        There, too, patches on few cells leave a plain victim half as much again (docs/perturbations.md).
        """
        if self.perturb not in SIZED:
            return self
        large = side >= LARGE
        eps = USUAL_EPS[self.perturb][large] if self.eps is None else self.eps
        coarse, target = large if self.coarse is None else self.coarse, self.target or usual_target(self.perturb)
        sink, cells = self.sink is not False if self.perturb in MARKED else None, self.cells or usual_cells(large)
        return dataclasses.replace(self, eps=eps, coarse=coarse, target=target, sink=sink, cells=cells)

    def with_tint_for(self, channels: set[int]) -> Scheme:
        """With the choice of ``tint`` for pictures of these numbers of channels.

        Most of what marks have is colour. In a data set of both kinds a victim learns to look for that, and learns grey
        pictures without it as they are; so these get colour as well.
        """
        if channels != {1, 3}:
            return dataclasses.replace(self, tint=None)
        return dataclasses.replace(self, tint=self.perturb in MARKED if self.tint is None else self.tint)

    def with_cells_for(self, classes: int, channels: set[int]) -> Scheme:
        """With cells enough to tell so many classes apart: on two, 64, or 16 if some are published in one channel."""
        if self.perturb not in MARKED:
            return self
        assert self.cells is not None  # settled
        colours = GREY if 1 in channels and not self.tint else COLOURS
        return dataclasses.replace(self, cells=enough_cells(classes, self.cells, colours))

    def with_options(self, options: dict[str, object]) -> Scheme:
        """The scheme with command-line options in place of its own values; None means: keep."""
        own = {k: v for k, v in options.items() if v is not None and k in SCHEME_FIELDS}
        if own.get("perturb", self.perturb) != self.perturb:
            # the scheme's are of its own perturbation
            own = {"target": None, "eps": None, "cells": ALL_CELLS, "through": ()} | own
        hide = {k: v for k, v in options.items() if v is not None and k in HIDE_FIELDS}
        try:
            chosen = dataclasses.replace(self, **own, hide=dataclasses.replace(self.hide, **hide))  # type: ignore[arg-type]
            chosen.params((1, 1))  # checks the block side
            return chosen
        except ValueError as error:
            raise UsageError(str(error)) from None


def usual_target(perturb: str) -> str:
    """The target rule of a scheme that names none."""
    return OPPOSITE if perturb == "marks" else "cyclic"


def usual_cells(large: bool) -> int:
    """Cells of a scheme that leaves them to the picture size."""
    return ALL_CELLS if large else FEW_CELLS


def block_side(height: int, width: int) -> int:
    """The largest block side that keeps the attack at a picture size (``results/``, experiments/block_size.py).

    Measured: 2 at 32 and 64 pixels, where 4 loses it; 4 at 128 and 256, where the perturbation is enlarged and smoother
    and 8 costs some points. Above 384 pixels 8 is an extrapolation of that.
    """
    shorter = min(height, width)
    return 2 if shorter <= 96 else 4 if shorter <= 384 else 8


LARGE = 48  # pixels
USUAL_EPS = {
    "marks": (EPS, EPS),
    "layered": (0.053, 0.058),  # with what is below, a median of at least 26 dB
    "tap": (0.07, 0.1),
    "fsp": (0.07, 0.1),
    "noise": (8 / 255, 8 / 255),
}  # small, large
SIZED = tuple(USUAL_EPS)  # the other perturbations have sizes of their own
SCHEME_FIELDS = (
    "perturb",
    "eps",
    "steps",
    "layer",
    "target",
    "coarse",
    "tint",
    "sink",
    "cells",
    "surrogate_share",
    "through",
    "size",
    "planes",
    "coders",
    "allow_residue",
)
HIDE_FIELDS = ("step", "overflow", "pairing", "tile")

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            "mrit",
            "our best setting of the paper's chain: marks of the class, 2×2 blocks, ranked pairing",
            hide=Params(pairing="ranked"),
        ),
        Scheme(
            "mrit-tap",
            "the paper's chain with our best adversarial perturbation: cross-entropy to the next class, aimed through "
            "hiding",
            perturb="tap",
            hide=Params(pairing="ranked"),
        ),
        Scheme(
            "seal",
            "the clean picture itself, losslessly compressed, in the low planes of any carrier; no residue, and JPEG "
            "files come back byte for byte",
            method="seal",
            hide=Params(pairing="ranked"),
        ),
        *(
            Scheme(
                name,
                f"seal, a median of at least {db} dB to the clean picture at 32×32",
                eps=eps,
                cells=cells,
                method="seal",
            )
            for name, db, eps, cells in (
                ("discreet", 30, 0.034, ALL_CELLS),
                ("balanced", 26, 0.064, None),
                ("strong", 22, 0.108, ALL_CELLS),
            )
        ),
        *(
            Scheme(
                name,
                f"seal, a median of at least {db} dB to the clean picture{where}: marks over `tap`",
                perturb="layered",
                eps=eps,
                through=("planes", "jpeg", "grayscale", "blur", "resize"),
                method="seal",
            )
            for name, db, where, eps in (
                ("layered-balanced", 26, "", None),
                ("layered", 22, " at 32×32, against who takes marks off", 0.085),
            )
        ),
        Scheme(
            "paper",
            "a close reading of Xue et al.: 4×4 blocks, SD classes, random target",
            perturb="fsp",
            eps=0.07,
            steps=10,
            layer="stage3",
            target="random",
            coarse=False,
            size=4,
            hide=Params(pairing="sd-classes", step=8, overflow=8, tile=1024),
        ),
    )
}


def marks_of(made: dict[str, Any]) -> Scheme:
    """The marks of a release as a scheme; what a release is older than is as it was then.

    A release without marks: its perturbation.
    """
    own = {name: made[name] for name in ("perturb", "eps", "target")}
    if made["perturb"] == "layered":  # the target is that of what is below
        own |= {"perturb": "marks", "target": OPPOSITE}
    return dataclasses.replace(SCHEMES["mrit"], **own, sink=made.get("sink", False), cells=cells_of(made))


def cells_of(made: dict[str, Any]) -> int:
    """Cells that a class of a release has its patches on; those of releases that do not say so were on all."""
    return made.get("cells") or ALL_CELLS


def label(made: dict[str, Any]) -> str:
    """Name of a scheme as a release tells it, and what of its perturbation is not the scheme's own: ``seal, lsp``."""
    own = SCHEMES.get(made["name"])
    if own is None:
        return str(made["name"])
    words = [made["name"]]
    if made["perturb"] != own.perturb:
        words.append(made["perturb"])
    its = made["perturb"] == own.perturb
    usual_eps = (own.eps,) if its and own.eps else (None, *USUAL_EPS.get(made["perturb"], ()))
    if made["eps"] not in usual_eps:
        words.append(f"ε {made['eps']}")
    if made.get("tint") not in (None, made["perturb"] in MARKED):
        words.append("tinted" if made["tint"] else "grey kept")
    if made["perturb"] in MARKED and made.get("sink", False) is False:  # releases of before had none
        words.append("no sink")
    if made["perturb"] in MARKED and (cells := cells_of(made)) != (own.cells or usual_cells(bool(made.get("coarse")))):
        words.append("all cells" if cells == ALL_CELLS else f"cells {cells}")
    if made.get("surrogate_share", 1.0) != 1:
        words.append(f"share {made['surrogate_share']}")
    gradient = ("target", "steps", "through")
    for what in {"tap": gradient, "fsp": gradient, "layered": gradient, "marks": ("target",)}.get(made["perturb"], ()):
        usual_value = usual_target(made["perturb"]) if what == "target" and own.target is None else getattr(own, what)
        if what == "through" and not its:
            usual_value = ()
        value = made.get(what) or usual_value  # what a release is older than, or left to the usual
        words += [f"{what} {_told(value)}"] if _told(value) != _told(usual_value) else []
    return ", ".join(words)


def _told(value: object) -> str:
    return "+".join(value) if isinstance(value, (list, tuple)) else str(value)
