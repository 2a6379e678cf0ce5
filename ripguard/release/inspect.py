"""Public facts about a release or an image, readable without a key."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.errors import NotProtected, RipguardError
from ripguard.hide.header import GRAY_SHOWN, BadHeader
from ripguard.images.reencoded import file_bytes, read_published
from ripguard.release.find import find_release, metadata_of
from ripguard.release.identify import as_published, read_header
from ripguard.release.manifest import Release
from ripguard.release.wrapper import unwrapped


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


def inspect(path: Path, key: KeyRing | None = None) -> Facts:
    """Facts about a release folder or an image file.

    Args:
        key: opens what a release of format v2 seals: the name of its source, and how it was made.

    Raises:
        NotProtected: the path is neither.
        WrongKey, Damaged: the key does not open the release, or the release is not what its owner published.
    """
    if path.is_dir():
        return _release(unwrapped(path), key)
    if not path.exists():
        raise NotProtected(f"there is no file or folder {path}")
    image = as_published(read_published(file_bytes(path, follow=True), str(path)), None)
    root = find_release(path)
    rows, around = list[dict[str, Any]](), "no release around"
    if root:
        try:
            release = Release.open(root)
            image = as_published(image, release)
            rows, around = release.by_digest(image_digest(image).hex()), ""
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
        facts["header"] = "in the manifest: the image carries none"
    facts["known_to_release"] = around or [row["path"] for row in rows]
    return Facts("image", facts)


SEALED = "sealed"  # in the place of what no key was given for


def scheme_name(release: Release, key: KeyRing | None) -> str:
    """Name of the scheme of a release; :data:`SEALED` without the key of a release that seals it.

    Raises:
        WrongKey, Damaged: as :meth:`ripguard.release.manifest.Index.opened_by`.
    """
    return str(described(release, key)["scheme"]["name"])


def described(release: Release, key: KeyRing | None) -> dict[str, Any]:
    """Content of ``release.json`` with ``source`` and ``scheme``, which format v2 seals.

    Without the key of a release that seals them, both are :data:`SEALED`.
    """
    found = release.private(None if key is None else release.opened_by(key))
    return release.info | (found or {"source": SEALED, "scheme": {"name": SEALED}})


def _readable(value: Any) -> Any:
    """Convert a value for JSON: bytes become hex strings."""
    if isinstance(value, dict):
        return {name: _readable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def _release(root: Path, key: KeyRing | None) -> Facts:
    release = Release.open(root)
    info, private = release.info, release.private(None if key is None else release.opened_by(key))
    facts = {name: info[name] for name in ("format", "dataset_id", "key_id")}
    if private:
        facts["source"] = private["source"]
    facts |= {name: info[name] for name in ("exact", "pictures", "limited", "labels")}
    if private:
        facts["scheme"] = private["scheme"]["name"]
        facts["parameters"] = {k: v for k, v in private["scheme"].items() if k != "name"}
    else:
        facts["sealed"] = "source, scheme, parameters"
    facts["signer"] = release.check_signature()
    facts["residue_bytes"] = sum(shard["bytes"] for shard in info["residue"])
    facts["annotations"] = [note["path"] for note in info["annotations"]]
    facts["units"] = [f"{u['split']}/{u['label']}" for u in info["units"]]
    facts["metadata"] = str(metadata_of(root))
    return Facts("release", facts)
