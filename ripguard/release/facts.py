"""Read a source image once: its shape, its digest, and what restoring it returns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ripguard.data.source import Item
from ripguard.errors import InputRefused, RipguardError
from ripguard.images.encoding import WEBP_SIDE
from ripguard.images.headers import size_of_image
from ripguard.images.metadata import metadata, metadata_of
from ripguard.images.rendering import render
from ripguard.schemes.base import Scheme


@dataclass(frozen=True, slots=True)
class Keeping:
    """Which source files a release restores byte for byte.

    Attributes:
        prefix: first bytes of files that are kept although their rendering is exact; None: no such file is.
        lossy: whether no file is kept, not even one whose rendering differs from it.
        one_color: whether the scheme publishes images of one color unchanged, so that they are counted.
    """

    prefix: bytes | None
    lossy: bool = False
    one_color: bool = False

    @classmethod
    def of(cls, scheme: Scheme, lossy: bool, byte_exact: bool) -> Keeping:
        """For a scheme, ``--lossy`` and ``--preserve-files``."""
        return cls(b"" if byte_exact else scheme.keeps(), lossy, scheme.leaves_one_color)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Properties of a source image in the plan.

    Attributes:
        shape: height, width, channels of its rendering.
        sha256: hex digest of the file; size: its bytes.
        lost: kinds of metadata, and with ``--lossy`` of :attr:`differs`, that restoring does not return.
        differs: what the rendering does not show, see :class:`ripguard.images.rendering.Rendering`.
        whole: whether the file is restored byte for byte because of that.
        unchanged: whether the rendering is published as it is, because it has one color.
    """

    shape: tuple[int, int, int]
    sha256: str
    size: int
    lost: tuple[str, ...]
    differs: tuple[str, ...] = ()
    whole: bool = False
    unchanged: bool = False


def same(keeping: Keeping) -> Keeping:
    """The context of :func:`facts_or_refusal` in each worker process."""
    return keeping


def read_facts(keeping: Keeping, item: Item) -> SourceFacts:
    """Read and decode one source image.

    Raises:
        InputRefused: the image cannot be decoded.
    """
    data = item.read()
    preserved, stated = keeping.prefix is not None and data.startswith(keeping.prefix), list[tuple[str, ...] | None]()
    look = None if preserved else lambda image: stated.append(metadata_of(image, data))
    rendering = render(data, item.name, look=look)
    height, width, channels = rendering.image.shape
    whole = not rendering.exact and not keeping.lossy
    lost: tuple[str, ...] = ()
    if not (whole or preserved):
        own = stated[0] if stated else None
        lost = (*rendering.differs, *(metadata(data) if own is None else own))
    digest = hashlib.sha256(data).hexdigest()
    unchanged = keeping.one_color and bool((rendering.image == rendering.image[0, 0]).all())
    return SourceFacts(
        (height, width, channels), digest, len(data), tuple(dict.fromkeys(lost)), rendering.differs, whole, unchanged
    )


def facts_or_refusal(keeping: Keeping, item: Item) -> SourceFacts | InputRefused:
    """As :func:`read_facts`, but a refusal is returned: one run names every image that is refused."""
    try:
        return read_facts(keeping, item)
    except InputRefused as refusal:
        return refusal.with_traceback(None)


def fitting(item: Item, found: SourceFacts | InputRefused, codec: str) -> SourceFacts | InputRefused:
    """The facts of an image, or its refusal if the published format, ``codec``, holds no image of its size."""
    if isinstance(found, InputRefused):
        return found
    return _beyond(item, max(found.shape[:2]), codec) or found


def too_wide(items: Iterable[Item], codec: str) -> list[InputRefused]:
    """Refusals as of :func:`fitting`, by headers alone: no pixels are decoded, and unreadable images are left out."""
    if codec != "webp":  # no file is opened
        return []
    refused = list[InputRefused]()
    for item in items:
        try:
            side = max(size_of_image(item.read() if item.reader or item.path is None else item.path))
        except RipguardError:  # whoever decodes it lists it
            continue
        if one := _beyond(item, side, codec):
            refused.append(one)
    return refused


def _beyond(item: Item, side: int, codec: str) -> InputRefused | None:
    if codec != "webp" or side <= WEBP_SIDE:
        return None
    return InputRefused(
        f"{item.name}: more than {WEBP_SIDE:,} pixels on one side, which WebP cannot hold", "use --image-format png"
    )
