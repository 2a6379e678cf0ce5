"""Methods by name, imported on first use: built-in ones, and those of other packages.

A package adds methods by entry points of the groups ``ripguard.perturbations``, ``ripguard.hidings`` and
``ripguard.schemes``. They cannot replace a built-in name. A method is imported when it is first used, so restoring
does not import torch.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
from collections.abc import Iterator
from typing import Generic, TypeVar

import ripguard
from ripguard.errors import RipguardError, UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """Methods of one kind, by name.

    Args:
        group: entry-point group of other packages' methods.
        what: option that selects a method, for messages: ``--perturb``.
        own: built-in methods, name → ``"module:Class"``.
    """

    def __init__(self, group: str, what: str, own: dict[str, str]) -> None:
        self.group, self.what, self.own = group, what, own
        self._loaded: dict[str, T] = {}

    @functools.cached_property
    def _others(self) -> dict[str, importlib.metadata.EntryPoint]:
        found = importlib.metadata.entry_points(group=self.group)
        return {one.name: one for one in sorted(found, key=lambda one: one.name) if one.name not in self.own}

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from self._others

    def working(self) -> dict[str, T]:
        """All methods that can be imported, by name."""
        found = {}
        for name in self:
            with contextlib.suppress(UsageError):
                found[name] = self[name]
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self._others

    def __getitem__(self, name: str) -> T:
        """Import a method. Raises :class:`UsageError` for an unknown name, or a package that cannot be imported."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        if name in self.own:
            module, _, attribute = self.own[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        if name not in self._others:
            raise UsageError(f"{self.what}: expected one of {', '.join(self)}, got {name!r}")
        entry = self._others[name]
        mend = f"repair or remove the package {entry.dist.name if entry.dist else entry.module}"
        try:
            found = entry.load()
        except RipguardError:
            raise
        except (Exception, SystemExit) as error:  # code of another package
            raise UsageError(
                f"the {self.what} {name} cannot be loaded from {entry.value}: {type(error).__name__}: {error}", mend
            ) from error
        method = getattr(getattr(found, "kind", None), "method", None)
        if method != name:  # parameters stored under one name would be read by another method
            raise UsageError(f"the {self.what} {name} has parameters of the method {method!r}", mend)
        return found

    def version(self, name: str) -> str:
        """Package and version that a method comes from."""
        if name in self.own or name not in self._others:
            return f"ripguard {ripguard.__version__}"
        dist = self._others[name].dist
        return f"{dist.name} {dist.version}" if dist else self._others[name].value
