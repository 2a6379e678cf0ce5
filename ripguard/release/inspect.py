"""Public facts about a release or an image, readable without a key."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripguard.crypto.aead import image_digest
from ripguard.errors import NotProtected, RipguardError
from ripguard.hide.header import GRAY_SHOWN, BadHeader
from ripguard.images.decoding import read_image
from ripguard.release.find import find_release
from ripguard.release.identify import read_header
from ripguard.release.manifest import Release
from ripguard.release.record import META


@dataclass(frozen=True)
class Facts:
    """Public facts about a release or an image.

    Attributes:
        kind: ``release`` or ``image``.
        about: all other facts by name, as in ``ripguard inspect --json``.
    """

    kind: str
    about: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.as_dict()[name]

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind} | self.about


def inspect(path: Path) -> Facts:
    """Facts about a release folder or an image file. Raises :class:`NotProtected` for any other path."""
    if path.is_dir():
        return _release(path)
    if not path.exists():
        raise NotProtected(f"there is no file or folder {path}")
    image = read_image(path)
    root = find_release(path)
    rows, around = list[dict[str, Any]](), "no release around"
    if root:
        try:
            rows, around = Release.open(root).by_digest(image_digest(image).hex()), ""
        except RipguardError as error:  # the header of the image is readable nevertheless
            around = f"the release around cannot be opened: {error.message}"
    facts: dict[str, Any] = {"shape": list(image.shape)}
    try:
        header = read_header(image)
        about = dataclasses.asdict(header)
        gray = about.pop("gray")
        if header.version == GRAY_SHOWN:
            about["grey"] = gray  # JSON key, kept for programs
        facts |= _readable(about)
    except BadHeader:
        if not rows:
            raise NotProtected(f"{path}: not a protected image, or damaged beyond recognition") from None
        facts["header"] = "in the manifest: the image is too small to carry one"
    facts["known_to_release"] = around or [row["path"] for row in rows]
    return Facts("image", facts)


def _readable(value: Any) -> Any:
    """Convert a value for JSON: bytes become hex strings."""
    if isinstance(value, dict):
        return {name: _readable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def _release(root: Path) -> Facts:
    release = Release.open(root)
    info = release.info
    names = ("format", "dataset_id", "key_id", "source", "exact", "pictures", "limited", "labels")
    facts = {name: info[name] for name in names}
    facts["scheme"] = info["scheme"]["name"]
    facts["parameters"] = {k: v for k, v in info["scheme"].items() if k != "name"}
    facts["signer"] = release.check_signature()
    facts["residue_bytes"] = sum(shard["bytes"] for shard in info["residue"])
    facts["annotations"] = [note["path"] for note in info["annotations"]]
    facts["units"] = [f"{u['split']}/{u['label']}" for u in info["units"]]
    facts["metadata"] = str(root / META)
    return Facts("release", facts)
