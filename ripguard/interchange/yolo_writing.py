"""Writing YOLO: ``data.yaml``, and a text for each image that has objects."""

from __future__ import annotations

from typing import Any

from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.normalized import normalized_box, normalized_points
from ripguard.interchange.output import Output, joined
from ripguard.interchange.parsing import plain
from ripguard.interchange.yolo_reading import keypoint_shape, label_path


def save(dataset: Annotated, output: Output) -> None:
    """Write a fitted dataset."""
    import yaml

    content: dict[str, Any] = {split: f"images/{dataset.folder(split)}" for split in dataset.splits}
    content |= {"nc": len(dataset.classes), "names": dict(enumerate(dataset.classes))}
    if shape := keypoint_shape(dataset):
        content["kpt_shape"] = shape
    more = dataset.extras.get("yolo", {})
    content |= {key: value for key, value in more.items() if key not in content or key == "kpt_shape"}
    output.samples(dataset, lambda sample: _place(dataset, sample))
    numbers = {label: number for number, label in enumerate(dataset.classes)}
    for sample in dataset.samples:
        if sample.objects:
            lines = [_line(found, numbers[found.label], sample) for found in sample.objects]
            output.text(label_path(_place(dataset, sample)), "\n".join(lines) + "\n")
    output.text("data.yaml", yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


def _place(dataset: Annotated, sample: Sample) -> str:
    return joined("images", dataset.folder(sample.split), sample.name)


def _line(found: Object, number: int, sample: Sample) -> str:
    size = sample.width, sample.height
    if found.polygons:
        words = normalized_points(found.polygons[0], *size)
    else:
        words = normalized_box(found.box or (0, 0, 0, 0), *size)
        for at in range(0, len(found.keypoints), 3):
            words += normalized_points(found.keypoints[at : at + 2], *size)
            words.append(str(plain(found.keypoints[at + 2])))
    return " ".join([str(number), *words])
