"""Measurements for tests of tables."""

from __future__ import annotations

from typing import Any

from ripguard.benchmark.records import Measurement

RUN = {
    "run": "r", "command": "python <x>", "date": "2026-01-02", "commit": "0123456789abcdef", "classes": ["a", "b<"],
    "hardware": {"cores": 2, "cpu": "some", "gpu": None}, "versions": {"python": "3", "torch": "2"}, "threads": 1,
    "recipe": {"name": "small", "source": "s", "epochs": 1, "optimiser": "adam", "lr": 0.1},
}  # fmt: skip


def made(name: str, perturb: str, **more: Any) -> dict[str, Any]:
    """A nested scheme."""
    own = {"marks": {"eps": 0.064, "sink": True, "target": "opposite", "cells": 16}}.get(perturb, {})
    hide = {"method": "mrit" if name.startswith("mrit") else "seal"}
    return {"name": name, "perturb": {"method": perturb} | own | more, "hide": hide, "tint": None}


def row(kind: str, metrics: dict[str, Any], **more: Any) -> Measurement:
    base: dict[str, Any] = {"dataset": "x", "protocol": "small", "n_train": 20, "scheme": made("mrit", "marks")}
    return Measurement(kind, metrics=metrics, run="r", provenance=RUN, place="victims/a.jsonl", **(base | more))


def victim(training_set: str, seed: int, accuracy: float, defence: str = "none", **more: Any) -> Measurement:
    metrics = {"train_acc": 100.0, "test_acc": accuracy, "test_images": 500, "confusion": [[200, 50], [50, 200]]}
    metrics |= more.pop("metrics", {})
    about = {"training_set": training_set, "seed": seed, "defence": defence, "model": "resnet18"}
    return row("victim", metrics, digests={"train": training_set}, **(about | more))


def quality(psnr: float = 26.5, ssim: float = 0.9, **more: Any) -> Measurement:
    metrics = {"psnr_to_clean": {"median": psnr}, "ssim_to_clean": {"median": ssim}, "images": 30, "restored_equal": 30}
    return row("image-quality", metrics, **more)


def peer(poison: str, defence: str, accuracy: float, defended: float | None = None, published: float | None = None,
         **more: Any) -> Measurement:  # fmt: skip
    metrics = {"test_acc": accuracy, "published": published} | ({"test_acc_defended": defended} if defended else {})
    return row("peer", metrics, scheme=None, defence=defence, setting={"poison": poison}, **more)
