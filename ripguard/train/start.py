"""Where training starts: at the weights of a model that was trained before, on other data and other classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from ripguard.train.models import head_of


@dataclass(frozen=True)
class Start:
    """Weights of a model of the same architecture.

    Attributes:
        state: as :meth:`ripguard.train.loop.Victim.state` gives it. Its mean and SD standardize the new images too. Its
            head is replaced by a new one.
        name: digest of what made it; a checkpoint that began elsewhere is not resumed from.
        frozen: train the head alone. Everything below stays as it is, the statistics of batch norm too.
    """

    state: dict[str, Any]
    name: str
    frozen: bool = False

    @property
    def identity(self) -> str:
        return f"from {self.name}" + (", frozen" if self.frozen else "")

    def state_for(self, model: nn.Module) -> dict[str, Any]:
        """The state with the head of ``model``, which may have another number of classes."""
        name, _ = head_of(model)
        own = {key: value for key, value in model.state_dict().items() if key.startswith(f"{name}.")}
        return self.state | {"net": self.state["net"] | own}

    def freeze(self, model: nn.Module) -> None:
        """Exclude all weights but those of the head from training, if ``frozen``; call once."""
        if self.frozen:
            model.requires_grad_(False)
            head_of(model)[1].requires_grad_(True)

    def train(self, model: nn.Module) -> None:
        """Set training mode: of the whole model, or of its head alone."""
        model.train(not self.frozen)
        head_of(model)[1].train()
