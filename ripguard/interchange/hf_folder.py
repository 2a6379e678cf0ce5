"""Hugging Face image folders: images, and beside them ``metadata.jsonl`` or ``metadata.csv`` with a ``file_name``.

Columns are ``label`` (or ``labels``), ``text`` (or ``captions``), ``objects`` with lists ``bbox`` and ``categories``;
all others are attributes of the image. Written is JSON Lines, which holds nested values.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from ripguard.data.splits import are_splits
from ripguard.interchange import hf_reading
from ripguard.interchange.fitting import base_name, own, refolded, renamed, used_classes, with_samples
from ripguard.interchange.format import Confidence, Format, Kind
from ripguard.interchange.hf_objects import row_of
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Annotated, Sample
from ripguard.interchange.output import Output, joined


class HFFolder(Format):
    """See the module."""

    kind = Kind("hf-folder")
    note = "metadata.jsonl or .csv beside the images: labels, captions, objects and any columns (Hugging Face)"

    def recognize(self, listing: Listing) -> Confidence:
        found = hf_reading.tables(listing)
        return Confidence(0.85, f"{found[0]}") if found else Confidence(0, "no metadata.jsonl or metadata.csv")

    def parse(self, listing: Listing) -> Annotated:
        return hf_reading.parse(listing)

    def fit(self, dataset: Annotated) -> Annotated:
        """Everything of samples and objects. Classes are those that are used, sorted."""
        fitted = dataclasses.replace(own(dataset, "hf-folder", values=True), about_classes={})
        fitted = dataclasses.replace(fitted, classes=used_classes(fitted))
        fitted = with_samples(fitted, lambda one: dataclasses.replace(one, extras=_filled(one)))
        tops = {sample.name.partition("/")[0] for sample in fitted.samples if "/" in sample.name}
        none = "train" if are_splits(tops) or len(fitted.splits) > 1 else ""
        fitted = refolded(fitted, none=none, reserved=hf_reading.AROUND)
        return renamed(fitted, base_name, lambda split, name: (split, name))

    def save(self, dataset: Annotated, output: Output) -> None:
        own_names: dict[str, Any] = dict(dataset.extras.get("hf-folder", {}))
        output.samples(dataset, lambda sample: joined(dataset.folder(sample.split), sample.name))
        for split in dataset.splits:
            lines = [json.dumps(row_of(sample, own_names), ensure_ascii=False) for sample in dataset.of(split)]
            output.text(joined(dataset.folder(split), "metadata.jsonl"), "\n".join(lines) + "\n")


def _filled(sample: Sample) -> dict[str, Any]:
    return {format: extras for format, extras in sample.extras.items() if extras}
