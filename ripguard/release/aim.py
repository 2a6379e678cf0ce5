"""From a scheme and the owner's pictures to a perturbation that every worker process can build for itself."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.compress.coders import WHOLE
from ripguard.data.pictures import read_square
from ripguard.errors import InputRefused, UsageError
from ripguard.hide.mrit.transform import forward
from ripguard.perturb import marks, ops
from ripguard.perturb.ar import AR
from ripguard.perturb.base import Perturbation, Unperturbed
from ripguard.perturb.lsp import LSP
from ripguard.perturb.names import BY_SURROGATE, LOOKING, MARKED
from ripguard.perturb.noise import Noise
from ripguard.release.plan import Plan, training_side
from ripguard.schemes import ALL_CELLS, SCHEMES, SIZED, USUAL_EPS, Scheme

# a new perturbation is one new file, one name here and one line in PLAIN or Spec.__call__
NAMES = ("marks", "layered", "tap", "fsp", "em", "em-sample", "lsp", "ar", "ops", "noise", "none")


@dataclass(frozen=True)
class Spec:
    """All that a worker needs to build the perturbation; picklable.

    Attributes:
        surrogate: path of the surrogate file, "" if none is needed; others: of the rest of an ensemble.
        members: what the perturbation needs of each class: target pictures, its pattern, patches, or pixel.
        classes: their number; side: at which pictures are looked at, in pixels.
        model: of the small-image coder, empty for none. Workers get it with their job.
        seed: the owner's.
    """

    scheme: Scheme
    surrogate: str = ""
    members: list[np.ndarray] = field(default_factory=list)
    device: str = "cpu"
    model: bytes = b""
    classes: int = 0
    side: int = 0
    others: tuple[str, ...] = ()
    seed: int = 0

    def __call__(self) -> Perturbation:
        if (kind := self.scheme.perturb) in PLAIN:
            return PLAIN[kind](self)
        import torch

        from ripguard.perturb import surrogate
        from ripguard.perturb.em import EM
        from ripguard.perturb.em_sample import EMSample
        from ripguard.perturb.fsp import FSP
        from ripguard.perturb.layered import UNDER, Layered
        from ripguard.perturb.tap import TAP

        if self.device == "cpu":
            torch.set_num_threads(1)  # one process a core: faster, and results do not depend on the number of workers
        if kind == "em":
            return EM(np.stack(self.members))
        model, _ = surrogate.load_all([self.surrogate, *self.others], self.device)
        if kind == "em-sample":
            return EMSample(model, device=self.device)
        s = self.scheme.settled(model.side)
        assert s.eps is not None
        assert s.target is not None
        if s.perturb == "tap":
            # `seal` changes a carrier by random low bits alone: `--through planes`
            published = self.published if s.method == "mrit" else None
            return TAP(model, s.eps, s.steps, s.target, published, self.device, through=s.through, seed=self.seed)
        if s.perturb == "layered":  # marks stand between this and hiding, so nothing is aimed through that
            under = TAP(model, UNDER * s.eps, s.steps, s.target, None, self.device, through=s.through, seed=self.seed)
            return Layered(under, marks.Marks(np.stack(self.members), s.eps))
        return FSP(model, self.members, s.eps, s.steps, s.layer, s.target, self.device, self.seed)

    def published(self, clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        """What hiding makes of carriers, but for the payload's few low bits: uint8, same shape."""
        return forward(clean, carrier, self.scheme.params(clean.shape[1:]))[0]

    def digest(self) -> str:
        """Hex SHA-256 of surrogate, what is known of the classes, and model, "" without any."""
        if not self.surrogate and not self.model and not self.members:
            return ""
        digest = hashlib.sha256(Path(self.surrogate).read_bytes() if self.surrogate else b"")
        for path in self.others:
            digest.update(Path(path).read_bytes())
        digest.update(self.model)
        for pictures in self.members:
            digest.update(str(pictures.shape).encode() + pictures.tobytes())
        return digest.hexdigest()


# perturbations that no net is needed for
PLAIN: dict[str, Callable[[Spec], Perturbation]] = {
    "none": lambda spec: Unperturbed(),
    "noise": lambda spec: Noise(spec.scheme.eps or USUAL_EPS["noise"][0]),
    "marks": lambda spec: marks.Marks(np.stack(spec.members), spec.scheme.eps or marks.EPS),
    "lsp": lambda spec: LSP(spec.classes),
    "ar": lambda spec: AR(spec.classes),
    "ops": lambda spec: ops.OPS(np.stack(spec.members), (spec.side, spec.side)),
}


def _patches(scheme: Scheme, target: str, pictures: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Of marks, as the scheme wants them: see :func:`ripguard.perturb.marks.search`."""
    sink, cells = scheme.sink is not False, scheme.cells or ALL_CELLS
    return marks.search(pictures, labels, classes, target, sink=sink, cells=cells)


# what some of them look for in the training pictures, class by class
SEARCHES: dict[str, Callable[[Scheme, np.ndarray, np.ndarray, int], np.ndarray]] = {
    "marks": lambda scheme, *known: _patches(scheme, scheme.target or marks.OPPOSITE, *known),
    "layered": lambda scheme, *known: _patches(scheme, marks.OPPOSITE, *known),  # its target is of what is below
    "ops": lambda scheme, pictures, labels, classes: ops.search(pictures, labels, classes),
}


MRIT_OPTIONS = ("size", "step", "pairing", "tile", "overflow")
SEAL_OPTIONS = ("planes", "coders", "coder_steps", "allow_residue")
PERTURB_OPTIONS: dict[str, tuple[str, ...]] = {  # of which perturbations
    "eps": SIZED,
    "target": ("marks", *BY_SURROGATE),
    **dict.fromkeys(("sink", "cells"), MARKED),
    **dict.fromkeys(("steps", "coarse", "surrogate", "surrogates", "surrogate_epochs"), BY_SURROGATE),
    "layer": ("fsp",),
    "through": ("tap", "layered"),
    "surrogate_share": LOOKING,
}
OPTIONS = ("perturb", "tint", *PERTURB_OPTIONS, *MRIT_OPTIONS, *SEAL_OPTIONS)


def asked_scheme(name: str, options: dict[str, Any], lossy: bool, byte_exact: bool, device: str) -> Scheme:
    """A scheme by name, with options; those that are None are not given.

    Raises:
        UsageError: something that does not exist, options that contradict each other, or one that would change nothing,
            which is a mistake of whoever gives it.
    """
    options = {option: value for option, value in options.items() if value is not None}
    if strange := sorted(set(options) - set(OPTIONS)):
        raise UsageError(f"{strange[0]} is no option of any scheme", f"there are {', '.join(sorted(OPTIONS))}")
    if name not in SCHEMES:
        raise UsageError(f"--scheme: expected one of {', '.join(SCHEMES)}, got {name!r}")
    if lossy and byte_exact:
        raise UsageError("--lossy and --byte-exact contradict each other")
    sealing = SCHEMES[name].method == "seal"
    if lossy and sealing:
        raise UsageError("--lossy is mRIT's: seal overwrites nothing that it would have to keep")
    other, names = ("mRIT", MRIT_OPTIONS) if sealing else ("seal", SEAL_OPTIONS)
    for option in names:
        if option in options:
            raise UsageError(f"--{option.replace('_', '-')} is an option of {other}, and --scheme {name} is not")
    if byte_exact and sealing and "coders" in options:
        raise UsageError("--coders and --byte-exact contradict each other", "--byte-exact takes those that keep files")
    whole = {"coders": WHOLE} if byte_exact and sealing else {}
    scheme = SCHEMES[name].with_options(options | whole)
    for option, of in PERTURB_OPTIONS.items():
        if option in options and scheme.perturb not in of and scheme.perturb in NAMES:
            raise UsageError(
                f"--{option.replace('_', '-')} is an option of {', '.join(of)}, and this is --perturb {scheme.perturb}"
            )
    if "surrogate" in options and {"surrogates", "surrogate_epochs"} & set(options):
        raise UsageError("--surrogate gives trained ones: --surrogates and --surrogate-epochs would change nothing")
    check_options(scheme, device)
    return scheme


def check_options(scheme: Scheme, device: str) -> None:
    """Raise :class:`UsageError` for names and devices that do not exist, before any picture is read."""
    from ripguard.perturb.names import CLASS_TARGETS, LAYERS, MARK_TARGETS, TARGETS, THROUGH

    rules = {"tap": CLASS_TARGETS, "layered": CLASS_TARGETS, "marks": MARK_TARGETS}.get(scheme.perturb, TARGETS)
    for option, value, known in (
        ("--perturb", scheme.perturb, NAMES),
        *((("--target", scheme.target, rules),) if scheme.target else ()),
        *(("--layer", name, LAYERS) for name in scheme.layer.split("+")),
        *(("--through", name, THROUGH) for name in scheme.through),
    ):
        if value not in known:
            raise UsageError(f"{option}: expected one of {', '.join(known)}, got {value!r}")
    if scheme.eps is not None and not 0 < scheme.eps <= 1:
        raise UsageError(f"--eps: expected more than 0 and at most 1, got {scheme.eps}")
    if device != "cpu":
        from ripguard.precision import check_device

        check_device(device)


def build(
    plan: Plan,
    given: list[str] | None,
    epochs: int | None,
    device: str,
    workers: int,
    number: int = 1,
) -> Spec:
    """What a plan's pictures are perturbed with; reads its training pictures where something is looked for in them.

    Raises :class:`InputRefused`, :class:`UsageError`. Arguments: see :func:`found_in`.
    """
    if plan.scheme.perturb in ("none", "noise"):
        return Spec(plan.scheme)
    if len(plan.labels) < 2:
        raise InputRefused(
            f"expected at least two classes, found {len(plan.labels)}",
            "use one folder for each class or --labels CSV, or hide without a perturbation: --perturb none",
        )
    if plan.scheme.perturb not in LOOKING:
        return Spec(plan.scheme, classes=len(plan.labels))
    pictures, labels = training_pictures(plan, workers)
    if plan.scheme.surrogate_share < 1:
        seen = some_of_each(labels, plan.scheme.surrogate_share, plan.seed)
        pictures, labels = pictures[seen], labels[seen]
    if missing := sorted(set(range(len(plan.labels))) - set(labels.tolist())):
        raise InputRefused(
            f"class {plan.labels[missing[0]]} has no training picture", "every class needs some: others aim at it"
        )
    return found_in(plan.scheme, pictures, labels, plan.labels, plan.seed, device, given, epochs, number)


def found_in(
    scheme: Scheme,
    pictures: np.ndarray,
    labels: np.ndarray,
    names: list[str],
    seed: int = 0,
    device: str = "cpu",
    given: list[str] | None = None,
    epochs: int | None = None,
    number: int = 1,
) -> Spec:
    """Train or load the surrogate, choose target pictures, search for patches: all that a perturbation is made of.

    Args:
        pictures: uint8 ``[n, side, side, 3]``, labels int64 ``[n]``, some of every class; names: of the classes.
        seed: of surrogates, searches, and the rule ``permutation``.
        given: surrogate files; several are an ensemble. Without any, ``number`` are trained for ``epochs`` (None: as
            many as usual), from seeds of their own.

    Raises:
        InputRefused: a surrogate file that is none, or of other classes.
    """
    side, classes = pictures.shape[1], len(names)
    scheme = scheme.settled(side)
    search = SEARCHES.get(scheme.perturb)
    members = list(search(scheme, pictures, labels, classes)) if search else []
    if scheme.perturb in PLAIN:
        return Spec(scheme, members=members, classes=classes, side=side)
    if scheme.perturb == "em":
        from ripguard.perturb import em

        return Spec(scheme, "", list(em.search(pictures, labels, classes, seed, device)))
    from ripguard.perturb import em_sample, surrogate
    from ripguard.perturb.fsp import library

    if scheme.perturb == "em-sample":
        own = dataclasses.replace(em_sample.SETTINGS, seed=seed, side=side)
        return Spec(scheme, str(surrogate.obtain(pictures, labels, names, own, device, em_sample.train)), device=device)
    settings = surrogate.Settings(seed=seed, side=side, coarse=surrogate.COARSE if scheme.coarse else ())
    if epochs:
        settings = dataclasses.replace(settings, epochs=epochs)
    paths = list(given or ())
    for one in range(0 if paths else number):
        own = dataclasses.replace(settings, seed=settings.seed + one)
        paths.append(str(surrogate.obtain(pictures, labels, names, own, device)))
    model, known = surrogate.load_all(paths, device)
    if known != names:
        raise InputRefused(
            f"{paths[0]} knows the classes {', '.join(known)[:200]}", "train one on this data set's classes"
        )
    if scheme.perturb == "fsp":
        members = library(model, pictures, labels, device)
    return Spec(scheme, paths[0], members, device, others=tuple(paths[1:]), seed=seed)


def some_of_each(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Positions, ascending, of a random share of each class's pictures, at least one of each: int64 ``[chosen]``."""
    order = np.random.default_rng(seed).permutation(len(labels))
    own = [order[labels[order] == label] for label in np.unique(labels)]
    return np.sort(np.concatenate([one[: math.ceil(share * len(one))] for one in own]))


def training_pictures(plan: Plan, workers: int) -> tuple[np.ndarray, np.ndarray]:
    """The owner's training split for a surrogate: uint8 ``[n, side, side, 3]`` and int64 labels ``[n]``.

    Pictures of one common square size up to 64 pixels are taken as they are; else all are resized to 32 or 64 pixels.
    """
    chosen = plan.training
    side = training_side(chosen)
    pictures = read_square([p.path for p in chosen], side, workers, "training pictures")
    return pictures, np.array([p.label for p in chosen], np.int64)
