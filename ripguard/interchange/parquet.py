"""Parquet with the bytes of the images, as Hugging Face stores it: ``data/SPLIT-00000-of-00001.parquet``.

Columns are ``image`` (bytes and path), ``label`` or ``labels``, ``text`` or ``captions``, ``objects`` (lists ``bbox``
and ``category``). What these do not hold is JSON in the column ``more``, and in the metadata of the schema.
"""

from __future__ import annotations

import dataclasses

from ripguard.crypto.keys import Key
from ripguard.interchange import parquet_reading, parquet_writing
from ripguard.interchange.fitting import base_name, own, refolded, renamed
from ripguard.interchange.format import Confidence, Format, Kind
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Annotated
from ripguard.interchange.output import Output

WITHOUT_SPLIT = "data"  # name of the file of samples that are in no split


class Parquet(Format):
    """See the module.

    Args:
        key: files that are written are encrypted under it (:mod:`ripguard.interchange.parquet_encryption`).
    """

    kind = Kind("parquet")
    note = "data/SPLIT-00000-of-00001.parquet with the bytes of the images and all annotations (Hugging Face)"
    extra = ("pyarrow",)

    def __init__(self, key: Key | None = None) -> None:
        self._key = key

    def recognize(self, listing: Listing) -> Confidence:
        found = listing.named(".parquet")
        if not found:
            return Confidence(0, "no Parquet files")
        return Confidence(0.8, f"{len(found):,} Parquet files, as {found[0]}")

    def parse(self, listing: Listing) -> Annotated:
        return parquet_reading.parse(listing)

    def fit(self, dataset: Annotated) -> Annotated:
        """Everything but further files; those beside Parquet files come back, except beside encrypted ones."""
        files = {} if self._key else own(dataset, "parquet").files
        fitted = refolded(dataclasses.replace(dataset, files=files))
        if WITHOUT_SPLIT in {fitted.folder(split) for split in fitted.splits}:
            fitted = refolded(fitted, reserved=frozenset({WITHOUT_SPLIT}))
        return renamed(fitted, base_name, lambda split, name: (split, name))

    def save(self, dataset: Annotated, output: Output) -> None:
        parquet_writing.save(dataset, output, self._key)
