"""Context of worker processes that restore or verify: keys and a release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ripguard.crypto.keys import KeyRing
from ripguard.errors import Damaged
from ripguard.release.manifest import Release
from ripguard.release.record import MANIFEST
from ripguard.release.restorer import Restorer


@dataclass(frozen=True)
class Opened:
    """A restorer, None without a key, and a release, None for loose images."""

    restorer: Restorer | None
    release: Release | None

    @property
    def with_key(self) -> Restorer:
        """The restorer. Raises :class:`ValueError` without a key."""
        if self.restorer is None:
            raise ValueError("no key was given")
        return self.restorer

    @property
    def known(self) -> Release:
        """The release. Raises :class:`ValueError` if there is none."""
        if self.release is None:
            raise ValueError("no release was given")
        return self.release


class Opening:
    """Callable that creates the context; picklable. Other processes open the release again.

    A call raises as :class:`Release` and :class:`Restorer` do.

    Args:
        ring: the keys, or None.
        release: the release, or None. Other processes must find the same manifest.
    """

    def __init__(self, ring: KeyRing | None, release: Release | None) -> None:
        self.ring, self.release = ring, release
        self.root: Path | None = release.root if release else None
        self.manifest = release.rows.digest if release else ""

    def __call__(self) -> Opened:
        if self.release is None and self.root is not None:
            self.release = Release.open(self.root)
            if self.release.rows.digest != self.manifest:
                where = self.release.where(MANIFEST)
                raise Damaged(f"{where} changed while it was being read", "get a fresh copy of it")
        return Opened(None if self.ring is None else Restorer(self.ring, self.release), self.release)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"release": None}
