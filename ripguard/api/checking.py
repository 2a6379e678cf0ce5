"""Check a dataset before it is protected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ripguard.api.arguments import (
    AnyPath,
    Callback,
    check_image_format,
    pixels_allowed,
    refuse_empty,
    with_home,
    worker_count,
)
from ripguard.api.methods import choose_scheme
from ripguard.errors import refusing
from ripguard.methods.fitted import Need
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.data.source import Source
    from ripguard.release.check import Checked


@refusing()
@with_home
def read_source(
    source: AnyPath | Source,
    labels: AnyPath | None = None,
    layout: str = "auto",
    classes_at: int | str | None = None,
    follow_links: bool = False,
) -> Source:
    """Read the names, splits and classes of a dataset; no image is opened.

    Args:
        source: as in :func:`ripguard.protect`, as are the other arguments.

    Raises:
        AmbiguousLayout: the folders have several readings; its ``readings`` are the arguments for each.
        UsageError, InputRefused: the dataset cannot be read.
    """
    from ripguard.data.registry import as_source

    refuse_empty(source=source, labels=labels, classes_at=classes_at)
    level = None if classes_at is None else str(classes_at)
    return as_source(source, labels, strict=False, layout=layout, classes_at=level, follow_links=follow_links)


@refusing()
@with_home
def check(
    source: AnyPath | Source,
    *,
    scheme: str = "mrit",
    labels: AnyPath | None = None,
    layout: str = "auto",
    classes_at: int | str | None = None,
    follow_links: bool = False,
    lossy: bool = False,
    byte_exact: bool = False,
    device: str = "cpu",
    images: bool = True,
    workers: int | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
    image_format: str = "png",
    **options: Any,
) -> Checked:
    """Report what protecting a dataset would publish, leave out and refuse. Nothing is written.

    Args:
        source, labels, layout, classes_at, follow_links: as in :func:`ripguard.protect`.
        scheme, lossy, byte_exact, device, options: as in :func:`ripguard.protect`.
        images: False: only the names of files are read, and some images to estimate sizes.
        workers: number of processes; None: one for each core.
        max_pixels: most pixels of an image; None: 50 million, or what ``RIPGUARD_MAX_PIXELS`` says.
        image_format: as in :func:`ripguard.protect`.

    Raises:
        AmbiguousLayout, UsageError, InputRefused: as :func:`read_source`.
    """
    from ripguard.release.advice import advice
    from ripguard.release.check import check as run
    from ripguard.release.check import overview
    from ripguard.release.sizes import estimate

    check_image_format(image_format)
    chosen = choose_scheme(scheme, lossy=lossy, byte_exact=byte_exact, device=device, **options)
    found = read_source(source, labels, layout, classes_at, follow_links)
    by_class = Need.CLASSES in chosen.needs
    with pixels_allowed(max_pixels), reported_to(progress):
        if images:
            checked = run(found, chosen, by_class, byte_exact, worker_count(workers), lossy, image_format)
        else:
            checked = overview(found, by_class, chosen.without_label, image_format)
            if (some := estimate(found.items, chosen)).images:
                share = len(found.items) / some.images
                checked.estimated = {"source": round(some.source * share)} | some.scaled(share)
    if not lossy:  # of the hiding methods, only mRIT can be lossy
        checked.advice = advice(found.items, chosen, byte_exact)
    return checked
