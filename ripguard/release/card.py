"""The card of a release: a README for whoever finds the folder, with public facts only."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from ripguard.crypto.keyfile import holds_key
from ripguard.errors import KeyFileError, UsageError, acts

NAMES = ("README.md", "RIPGUARD.md")
TITLE = "# A protected image dataset"  # first line: a card without the file of its release tells that one is missing
MOST_CONTACT = 1000  # characters
WIDTH = 118  # characters of a line


def card_name(taken: Iterable[str]) -> str:
    """Name of the card: the first of :data:`NAMES` that no path in the root of the source has, in any case."""
    own = {path.partition("/")[0].casefold() for path in taken}
    free = (name for name in NAMES if name.casefold() not in own)
    more = (f"RIPGUARD-{number}.md" for number in range(2, len(own) + 3))
    return next(free, None) or next(name for name in more if name.casefold() not in own)


def check_contact(contact: str) -> None:
    """Raise :class:`UsageError` for a contact that is not one line of text."""
    if holds_key(contact.encode(errors="surrogateescape")):
        raise KeyFileError("contact: it holds a key, and would be published", "name a person or an address")
    if acts(contact) or len(contact) > MOST_CONTACT or not contact.isprintable():
        raise UsageError(f"contact: expected one line of at most {MOST_CONTACT:,} characters", "such as an address")


def card(info: dict[str, Any], folder: str, signer: str | None, appearance: str, contact: str = "") -> str:
    """Text of the card, in Markdown.

    Args:
        info: content of ``release.json``, as far as it is known.
        folder: that with the class folders, below the root of the release; "" for the root.
        signer: fingerprint of the signer, None for an unsigned release.
        appearance: of the published images, see :attr:`ripguard.schemes.base.Scheme.appearance`.
        contact: whom to ask for access, one line; "" for nobody.
    """
    splits = sorted({unit["split"] for unit in info["units"]} - {""})
    classes = len({unit["label"] for unit in info["units"]} - {""})
    nameless = "" if all(unit["label"] for unit in info["units"]) else " (some images have no label)"
    ask = f"Ask for access: {contact}" if contact else "Only the owner of the images can give access to them."
    back = {"pixels": "every sample of every image exactly", "bytes": "every file, byte for byte"}
    gives = back.get(info["exact"], "the images approximately, not exactly")
    about = f"The images in this folder are protected with ripguard. {appearance} The owner's key gives back {gives}."
    return f"""{TITLE}

{textwrap.fill(about, WIDTH)}

- Images: {info["pictures"]:,}
- Classes: {classes:,}{nameless}
- Splits: {", ".join(splits)}

## Load it

Any loader of image folders reads the protected images, without a key:

    torchvision.datasets.ImageFolder("{"/".join(["FOLDER", folder]) if folder else "FOLDER"}")

## Check it

    ripguard verify FOLDER

## Restore it

    ripguard restore FOLDER restored --key-file my.key

Keep the file `release.ripguard`: without it, most images cannot be restored. {ask}

## Identifiers

- Dataset: {info["dataset_id"]}
- Key: {info["key_id"]}
- Signer: {signer or "none"}
"""


def class_folder(paths: Iterable[str]) -> str:
    """The folder with the class folders, from the published paths of one split: ``train/cat/0.png`` → ``train``."""
    above = {path.split("/")[0] if path.count("/") > 1 else "" for path in paths}
    return above.pop() if len(above) == 1 else ""
