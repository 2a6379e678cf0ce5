"""Schemes that combine a perturbation with a hiding method."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.errors import UsageError
from ripguard.hide.base import DoesNotFit, Hidden, Hiding, ImageInfo, refuse_taken_number
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, Option, Params, by_stored_name
from ripguard.methods.registries import HIDINGS, PERTURBATIONS
from ripguard.methods.registry import Registry
from ripguard.perturb.base import Perturbation
from ripguard.perturb.make import fit
from ripguard.perturb.noise import Noise, NoiseParams
from ripguard.schemes.base import Batch, Run, Scheme

TINT = Option("publish gray images in color if the dataset has color images", kind=bool, flag="gray-as-rgb")


# names used by :func:`ripguard.api.protect` and its command
RESERVED = frozenset(
    {"source", "out", "key", "key_file", "key_required", "scheme", "scheme_options", "perturb", "hide", "tint"}
    | {
        "gray_as_rgb",
        "sign_key",
        "labels",
        "layout",
        "classes_at",
        "follow_links",
        "dry_run",
        "contact",
        "limit",
        "seed",
        "lossy",
        "byte_exact",
        "preserve_files",
        "restart",
        "on_error",
        "image_format",
        "max_pixels",
    }
    | {"device", "workers", "executor", "progress", "json", "quiet", "verbose", "help", "verb", "run"}
)


def _names(options: dict[str, Option]) -> set[str]:
    """All names of the options: stored names and command-line names."""
    return set(options) | {one.called(name)[2:].replace("-", "_") for name, one in options.items()}


@dataclass(frozen=True)
class TwoAxis(Scheme):
    """Perturb, then hide.

    Attributes:
        perturb: parameters of the perturbation; hide: of the hiding method.
        tint: whether gray images are published in color if the dataset has color images too. None: if the perturbation
            uses color. After :meth:`resolve`: None if the images are all gray or all in color.
        data: the dataset that the scheme was resolved for; None before.
    """

    near_clean: ClassVar[bool] = True

    name: str
    perturb: Params
    hide: Params
    tint: bool | None = None
    note: str = field(default="", compare=False)
    data: DataStats | None = None

    @property
    def perturbation_class(self) -> type[Perturbation]:
        return PERTURBATIONS[self.perturb.method]

    @property
    def hiding_class(self) -> type[Hiding]:
        return HIDINGS[self.hide.method]

    @property
    def needs(self) -> frozenset[Need]:
        return self.perturbation_class.needs

    @property
    def libraries(self) -> frozenset[str]:
        return frozenset((*self.perturbation_class.libraries, *self.hiding_class.libraries))

    @property
    def without_label(self) -> str:
        return self.perturbation_class.without_label or NoiseParams.method

    def options(self) -> dict[str, Option]:
        return self.perturb.options() | {"tint": TINT} | self.hide.options()

    def given(self, name: str) -> Any:
        owner = self.perturb if name in self.perturb.options() else self.hide if name in self.hide.options() else self
        return getattr(owner, name)

    def with_options(self, options: dict[str, Any]) -> TwoAxis:
        """The scheme with other values. ``perturb`` and ``hide`` select another method, with its default parameters."""
        given, above, below = dict(options), self.perturb, self.hide
        if (name := given.pop("perturb", above.method)) != above.method:
            above = PERTURBATIONS[name].kind()
        if (name := given.pop("hide", below.method)) != below.method:
            below = HIDINGS[name].kind()
        self._refuse_clash(above, below)
        given = by_stored_name(above.options() | {"tint": TINT} | below.options(), given)
        tint = TINT.checked("tint", given.pop("tint", self.tint))
        own = {name: value for name, value in given.items() if name in above.options()}
        its = {name: value for name, value in given.items() if name in below.options()}
        if strange := sorted(given.keys() - own.keys() - its.keys()):
            raise UsageError(*self._why_not(strange[0], above, below))
        return dataclasses.replace(self, perturb=above.changed(**own), hide=below.changed(**its), tint=tint)

    @staticmethod
    def _refuse_clash(above: Params, below: Params) -> None:
        """Raise :class:`UsageError` where two options have one name."""
        taken = (("the command", RESERVED), (f"--hide {below.method}", _names(below.options())))
        for who, names in taken:
            if both := sorted(_names(above.options()) & names):
                raise UsageError(f"--perturb {above.method} and {who} both have an option {both[0]}", "choose another")
        if both := sorted(_names(below.options()) & RESERVED):
            raise UsageError(f"--hide {below.method} and the command both have an option {both[0]}", "choose another")
        if PERTURBATIONS[above.method].replaces and HIDINGS[below.method].reuses:
            raise UsageError(
                f"--hide {below.method} publishes pieces of the clean images that --perturb {above.method} removes",
                "choose --hide seal",
            )

    def _why_not(self, name: str, above: Params, below: Params) -> tuple[str, str]:
        """Message and hint for an option that neither method has."""
        option = f"--{name.replace('_', '-')}"
        axes: tuple[tuple[Registry[Any], Params], ...] = ((PERTURBATIONS, above), (HIDINGS, below))
        for registry, chosen in axes:
            working = {method: own.kind.options() for method, own in registry.working().items()}
            owners = [method for method, own in working.items() if by_stored_name(own, {name: 0}).keys() & own]
            if owners:
                (stored,) = by_stored_name(working[owners[0]], {name: 0})
                option = working[owners[0]][stored].called(stored)
                return (
                    f"{option} is an option of {', '.join(owners)}, and this is {registry.what} {chosen.method}",
                    f"leave it out, or choose another {registry.what}",
                )
        known = ", ".join(one.called(own) for own, one in (above.options() | below.options()).items())
        return f"{option} is no option of {above.method} or {below.method}", f"there are {known}"

    def promised(self, lossy: bool, byte_exact: bool) -> TwoAxis:
        refuse_taken_number(self.hiding_class, self.hide.method)
        return dataclasses.replace(self, hide=self.hiding_class.promised(self.hide, lossy, byte_exact))

    def resolve(self, data: DataStats) -> TwoAxis:
        """See :meth:`Scheme.resolve`.

        Color marks carry most of their power in color. In a dataset of gray and color images, a model would learn the
        marks of the color images and the content of the gray ones; so gray images are published in color as well.
        """
        tint = None
        if data.channels == {1, 3}:
            tint = self.perturbation_class.colors if self.tint is None else self.tint
        shown = dataclasses.replace(data, channels=frozenset({3})) if tint else data
        return dataclasses.replace(
            self, perturb=self.perturb.resolve(shown), hide=self.hide.resolve(shown), tint=tint, data=data
        )

    def published_channels(self, channels: int) -> int:
        return 3 if self.tint else channels

    def keeps(self) -> bytes | None:
        return self.hiding_class.keeps(self.hide)

    def form(self) -> str:
        return f"{PERTURBATIONS.version(self.perturb.method)} {self.perturb.form}"

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        return fit(self.perturb, training, context)

    def model(self, images: list[ImageInfo], seed: int) -> bytes:
        return self.hiding_class.model_of(self.hide, images, seed)

    def hider(self, shape: tuple[int, ...], run: Run) -> Hiding:
        return self.hiding_class.hiding(self.hide, shape, run.lossy, run.model)

    def protector(self, fitted: Fitted, run: Run) -> TwoSteps:
        def simulate(clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
            return self.hider(clean.shape[1:], run).simulate(clean, carrier)

        context = RunContext(run.device, simulate if self.hiding_class.simulates else None)
        return TwoSteps(self, self.perturbation_class(self.perturb, fitted, context), run)

    def to_json(self) -> dict[str, Any]:
        """``{"name": …, "perturb": {"method": …, …}, "hide": {"method": …, …}, "tint": …}``."""
        resolved = {}
        if self.data:
            own = dataclasses.asdict(self.data) | {"channels": sorted(self.data.channels)}
            resolved = {"data": own}
        return {
            "name": self.name,
            "perturb": self.perturb.to_json(),
            "hide": self.hide.to_json(),
            "tint": self.tint,
        } | resolved


class TwoSteps:
    """Protects batches: perturb, then hide.

    A perturbation by class cannot be applied to images without a label; they get noise, or what the method has for
    them.
    """

    def __init__(self, scheme: TwoAxis, perturbation: Perturbation, run: Run) -> None:
        self.scheme, self.perturbation, self.run = scheme, perturbation, run
        takes_all = Need.CLASSES not in perturbation.needs or perturbation.without_label
        self.without_label = perturbation if takes_all else Noise(NoiseParams())

    def protect(self, batch: Batch) -> tuple[list[Hidden], np.ndarray]:
        colored = self.scheme.tint and batch.clean.shape[3] == 1
        shown = np.repeat(batch.clean, 3, axis=3) if colored else batch.clean
        carriers, known = np.empty_like(shown), batch.labels >= 0
        for chosen, perturbation in ((known, self.perturbation), (~known, self.without_label)):
            if chosen.any():
                carriers[chosen] = perturbation(shown[chosen], batch.labels[chosen], batch.seeds[chosen])
        return self._hidden(batch, carriers), carriers

    def _hidden(self, batch: Batch, carriers: np.ndarray) -> list[Hidden]:
        """The carriers with the clean images in them. Images that are restored as files may be hidden otherwise."""
        hider = self.scheme.hider(batch.clean.shape[1:], self.run)
        if not any(batch.whole):
            return hider.hide(batch.clean, carriers, batch.who, batch.keys, batch.files)
        result = dict[int, Hidden]()
        for own, wanted in ((hider, False), (hider.keeping_files(), True)):
            chosen = [i for i, one in enumerate(batch.whole) if one == wanted]
            who, keys = [batch.who[i] for i in chosen], [batch.keys[i] for i in chosen]
            files = [batch.files[i] for i in chosen] if batch.files else []
            try:
                hidden = own.hide(batch.clean[chosen], carriers[chosen], who, keys, files)
            except DoesNotFit as error:
                raise DoesNotFit(error.message, error.hint, chosen[error.number]) from None
            result |= dict(zip(chosen, hidden))
        return [result[i] for i in range(len(batch.clean))]
