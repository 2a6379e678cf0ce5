"""Schemes that protect an image in one step, without a carrier."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from ripguard.errors import UsageError
from ripguard.hide.base import Hidden, Revealing, refuse_taken_number
from ripguard.methods.fitted import Fitted
from ripguard.methods.params import DataStats, Option, Params, by_stored_name
from ripguard.methods.registries import SCHEMES
from ripguard.schemes.base import Batch, Run, Scheme


class OneStep(Scheme, Revealing):
    """Base class of one-step schemes.

    A subclass defines :attr:`kind`, :attr:`tail`, :meth:`protect` and :meth:`run_reveal`. It is registered as an entry
    point of the group ``ripguard.schemes``, under the name of its parameters' method.

    Attributes:
        kind: class of its parameters.
    """

    kind: ClassVar[type[Params]]

    def __init__(self, params: Any = None) -> None:
        self.params = self.kind() if params is None else params
        self.name = self.kind.method
        self.note = next(iter((type(self).__doc__ or "").strip().splitlines()), "")

    @abstractmethod
    def protect(self, batch: Batch, fitted: Fitted, run: Run) -> list[Hidden]:
        """Protected images with their headers. ``fitted``: result of :meth:`fit`."""

    def options(self) -> dict[str, Option]:
        return self.kind.options()

    def form(self) -> str:
        return f"{SCHEMES.version(self.name)} {self.kind.form}"

    def given(self, name: str) -> Any:
        return getattr(self.params, name)

    def with_options(self, options: dict[str, Any]) -> OneStep:
        return type(self)(self.params.changed(**by_stored_name(self.kind.options(), options)))

    def promised(self, lossy: bool, byte_exact: bool) -> OneStep:
        refuse_taken_number(type(self), self.name)
        if lossy and not self.tail.may_be_lossy:
            raise UsageError(f"--lossy: {self.name} is exact", "leave it out")
        return self

    def resolve(self, data: DataStats) -> OneStep:
        return type(self)(self.params.resolve(data))

    def to_json(self) -> dict[str, Any]:
        """``{"name": …, "options": {…}}``."""
        own = self.params.to_json()
        return {"name": own.pop("method"), "options": own}

    def protector(self, fitted: Fitted, run: Run) -> OneByOne:
        return OneByOne(self, fitted, run)


class OneByOne:
    """Protects batches with a one-step scheme."""

    def __init__(self, scheme: OneStep, fitted: Fitted, run: Run) -> None:
        self.scheme, self.fitted, self.run = scheme, fitted, run

    def protect(self, batch: Batch) -> tuple[list[Hidden], np.ndarray | None]:
        return self.scheme.protect(batch, self.fitted, self.run), None
