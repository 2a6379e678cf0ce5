"""Flat rows as measurements: an experiment's row names each value once, and its kind sets which values identify it."""

from __future__ import annotations

from typing import Any

from ripguard.benchmark.records import Measurement

OF_ROW = ("commit", "date", "device", "threads", "classes")  # provenance that rows may have for themselves
DIGESTS = {"digest": "train", "test_digest": "test", "start_digest": "start"}
CHOSEN = frozenset(
    {"seed", "clean_pictures", "epochs", "size", "side", "cores", "workers", "megapixels", "stride", "change"}
    | {"clean_images", "alone", "inputs_defended"}
)
CHOSEN_IN = {  # by kind
    "planes": {"bits_a_sample"},
    "capacity": {"threshold", "bits_a_sample"},
    "ceiling": {"kept", "gray"},
    "known-pair": {"pairs"},
    "lock-pairs": {"pairs"},
    "bench": {"pictures", "images"},
    "platform-load": {"connections", "images"},
    "interruption": {"pictures", "images"},
}
# where defence and attack are those of one
VICTIMS = ("victim", "transfer", "peer", "limited-clean", "undo", "marks", "blending")
TRAINED = (*VICTIMS, "held-out")  # where images are those of training
SETTINGS = {"clean_pictures": "clean_images", "pictures": "images", "perturb": "poison"}
METRICS = {
    "train_accuracy": "train_acc", "test_accuracy": "test_acc", "treated_accuracy": "test_acc_defended",
    "standardised_accuracy": "standardized_acc", "permuted_accuracy": "permuted_acc", "head_accuracy": "head_acc",
    "renamed_accuracy": "renamed_acc", "held_out_accuracy": "held_out_acc", "pictures": "images",
    "residue_bytes_per_picture": "residue_bytes_per_image", "surrogate_says_next_label": "surrogate_predicts_next",
    "published_other_says_next": "published_other_predicts_next",
    "carrier_other_says_next": "carrier_other_predicts_next", "surrogate_says_next": "surrogate_predicts_next",
    "other_says_next": "other_predicts_next",
}  # fmt: skip
OF_MARKS = {"accuracy": "test_acc", "standardised": "standardized_acc", "permuted": "permuted_acc",
            "new_head": "head_acc"}  # fmt: skip


def metric_names(kind: str) -> dict[str, str]:
    """Old names of metrics → names in schema 1."""
    if kind == "chain" or kind == "first-run":
        return {old: new for old, new in METRICS.items() if old != "surrogate_says_next"}
    if kind == "planes":
        return {old: new for old, new in METRICS.items() if old != "surrogate_says_next_label"}
    return OF_MARKS if kind == "marks" else METRICS


def measurement(
    kind: str, row: dict[str, Any], images: int | None, shared: dict[str, Any], common: dict[str, Any], run: str
) -> Measurement:
    """A measurement from a flat row: texts and chosen numbers identify it, all others are metrics.

    Args:
        images: number of training images, where the row has none.
        shared: settings of all rows; common: fields of all rows.
    """
    about: dict[str, Any] = {"n_train": images} if images else {}
    setting, metrics, digests = dict(shared), {}, {}
    names, chosen = metric_names(kind), CHOSEN | CHOSEN_IN.get(kind, set())
    for name, value in row.items():
        if name in OF_ROW:
            continue
        if name in DIGESTS:
            digests[DIGESTS[name]] = value
        elif name == "images" and kind in TRAINED:
            about["n_train"] = value
        elif name in ("training_set", "n_train"):
            about[name] = value
        elif value is False and name in ("alone", "inputs_defended"):
            continue
        elif name in ("split", "trained_on"):
            about["training_set"] = value
        elif name in ("model", "seed", "defence") or (name == "attack" and kind in VICTIMS and isinstance(value, str)):
            about[name] = value
        elif name != "note" and (isinstance(value, str) or name in chosen):
            setting[SETTINGS.get(name, name)] = value
        else:
            metrics[names.get(name, name)] = value
    return Measurement(kind, metrics=metrics, run=run, setting=setting, digests=digests, **(common | about))
