"""What a dataset needs of a platform that restores its images. The platform itself stands above this package."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

from ripguard.release.manifest import Release
from ripguard.release.restorer import RestoredImage

HOME = "ripguard.platform.served"  # imported when a dataset names a server: it needs the extra `platform`


class ImageServer(Protocol):
    """Restores images of one dataset. Can be pickled, and used after a fork."""

    def units(self, release: Release) -> frozenset[int]:
        """Numbers of the units that its grants open."""
        ...

    def restored(self, release: Release, names: Sequence[str], others: Iterable[str]) -> list[RestoredImage]:
        """Restored images, in order.

        Args:
            names: paths in the release.
            others: those that may be asked for later, the likeliest first.

        Raises:
            RipguardError: the first image that is not restored.
        """
        ...


def server_of(profile: Any, cache: int) -> ImageServer:
    """The server of a profile; see :class:`ripguard.platform.served.Served`."""
    return cast(ImageServer, importlib.import_module(HOME).Served(profile, cache))
