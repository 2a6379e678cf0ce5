"""Train, test and use networks on releases of scheme ``privdl``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ripguard.api.arguments import AnyPath, Callback, opened, pixels_allowed, refuse_empty, whole, with_home
from ripguard.crypto.keys import KeyRing
from ripguard.errors import refusing
from ripguard.progress import reported_to


@refusing()
@with_home
def privdl_train(
    release: AnyPath,
    out: AnyPath = "model.pt",
    key: KeyRing | AnyPath | None = None,
    *,
    protocol: str = "standard",
    model: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> dict[str, Any]:
    """Train a network: with the key on the clean images, without it on the scrambled ones; see
    :func:`ripguard.train.privdl.release.train`."""
    refuse_empty(release=release, key=key, out=out, signer=signer)
    ring = None if key is None else opened(key)[0]
    from ripguard.data.compile_cache import name_compile_cache

    name_compile_cache()  # before torch is imported
    from ripguard.train.privdl.release import train

    start = whole("seed", seed, 0) or 0
    with pixels_allowed(max_pixels), reported_to(progress):
        return train(Path(release), ring, Path(out), protocol, model, epochs, start, device, signer)


@refusing()
@with_home
def privdl_test(
    release: AnyPath,
    model: AnyPath,
    key: KeyRing | AnyPath | None = None,
    *,
    split: str | None = None,
    device: str = "cpu",
    signer: str | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> dict[str, Any]:
    """Accuracy of a trained network on the scrambled images of a release; see
    :func:`ripguard.train.privdl.release.measure`."""
    refuse_empty(release=release, model=model, key=key, split=split, signer=signer)
    ring = None if key is None else opened(key)[0]
    from ripguard.train.privdl.release import measure

    with pixels_allowed(max_pixels), reported_to(progress):
        return measure(Path(release), Path(model), ring, split, device, signer)


@refusing()
@with_home
def privdl_infer(
    release: AnyPath,
    model: AnyPath,
    key: KeyRing | AnyPath | None = None,
    *,
    split: str | None = None,
    device: str = "cpu",
    signer: str | None = None,
    progress: Callback | None = None,
    max_pixels: int | None = None,
) -> list[dict[str, Any]]:
    """The class of each scrambled image of a release; see :func:`ripguard.train.privdl.release.infer`."""
    refuse_empty(release=release, model=model, key=key, split=split, signer=signer)
    ring = None if key is None else opened(key)[0]
    from ripguard.train.privdl.release import infer

    with pixels_allowed(max_pixels), reported_to(progress):
        return infer(Path(release), Path(model), ring, split, device, signer)
