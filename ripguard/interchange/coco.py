"""COCO: JSON files of images, annotations and categories (cocodataset.org, *Data format*).

Read are ``annotations/instances_train2017.json`` and its siblings for keypoints and captions, Roboflow's
``train/_annotations.coco.json``, and single files. Written are ``annotations/TASK_SPLIT.json`` and a folder of images
for each split. Ids that only count entries are no content: they are kept if they are others.
"""

from __future__ import annotations

import dataclasses

from ripguard.interchange import coco_reading, coco_writing
from ripguard.interchange.fitting import base_name, own, refolded, renamed
from ripguard.interchange.format import Confidence, Format, Kind
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Annotated
from ripguard.interchange.output import Output

RESERVED = frozenset({"annotations", "images"})


class COCO(Format):
    """See the module."""

    kind = Kind("coco")
    note = "annotations/instances_SPLIT.json with boxes, polygons, masks, keypoints, captions; images in folders"

    def recognize(self, listing: Listing) -> Confidence:
        found = coco_reading.candidates(listing)
        if not found:
            return Confidence(0, "no JSON file with images and annotations")
        return Confidence(0.95, f"{found[0]} has the keys of COCO")

    def parse(self, listing: Listing) -> Annotated:
        return coco_reading.parse(listing)

    def fit(self, dataset: Annotated) -> Annotated:
        """Everything but the extras of other formats."""
        fitted = refolded(own(dataset, "coco"), reserved=RESERVED)
        top = fitted.extras.get("coco", {}).get("top", {})
        if top.keys() - set(fitted.splits):
            kept = {split: tasks for split, tasks in top.items() if split in fitted.splits}
            fitted = dataclasses.replace(fitted, extras={"coco": {**fitted.extras["coco"], "top": kept}})
        return renamed(fitted, base_name, lambda split, name: (split, name))

    def save(self, dataset: Annotated, output: Output) -> None:
        coco_writing.save(dataset, output)
