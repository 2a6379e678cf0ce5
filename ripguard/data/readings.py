"""Readings of a layout that is ambiguous."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ripguard.errors import UsageError


@dataclass(frozen=True)
class Reading:
    """One way to read an ambiguous layout.

    Attributes:
        options: values of ``layout`` and ``classes_at``.
        text: what they give.
    """

    options: dict[str, str]
    text: str

    @property
    def flags(self) -> str:
        """The options on the command line."""
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in self.options.items())


class AmbiguousLayout(UsageError):
    """The folders have several readings.

    Attributes:
        readings: the options for each.
    """

    code = "ambiguous-layout"

    def __init__(self, message: str, hint: str = "", readings: Sequence[Reading] = ()) -> None:
        super().__init__(message, hint)
        self.readings = list(readings)
