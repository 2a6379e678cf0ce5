"""Methods by name, loaded when they are chosen: ours, and those of other packages.

A package adds methods by entry points of the groups ``ripguard.perturbations``, ``ripguard.hidings`` and
``ripguard.schemes``; a name of ours is never taken over. A method is imported when it is first used, so
restoring loads no torch.
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
    """Names and where each method is.

    Args:
        group: of entry points.
        what: how messages call one of them: ``perturbation``.
        own: name → ``"module:Class"``.
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
        """All that can be loaded, by name."""
        found = {}
        for name in self:
            with contextlib.suppress(UsageError):
                found[name] = self[name]
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self._others

    def __getitem__(self, name: str) -> T:
        """Import one. Raises :class:`UsageError` for a name that nobody has, or a package that cannot be loaded."""
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
        except (Exception, SystemExit) as error:  # somebody else's code
            raise UsageError(
                f"the {self.what} {name} cannot be loaded from {entry.value}: {type(error).__name__}: {error}", mend
            ) from error
        method = getattr(getattr(found, "kind", None), "method", None)
        if method != name:  # what is stored under one name would be read by another method
            raise UsageError(f"the {self.what} {name} has parameters of the method {method!r}", mend)
        return found

    def version(self, name: str) -> str:
        """Who a method comes from, and in which version."""
        if name in self.own or name not in self._others:
            return f"ripguard {ripguard.__version__}"
        dist = self._others[name].dist
        return f"{dist.name} {dist.version}" if dist else self._others[name].value
