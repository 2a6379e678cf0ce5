"""Datasets."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ripguard.platform.access.relations import Standing
from ripguard.platform.http.callers import MOST_PAGE, PAGE, Called, group, page
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import DatasetChange, DatasetIn, DatasetOut, DatasetsOut, UsageOut, UseOut

router = group("datasets", "/v1/datasets", responses=RESPONSES)
Limit = Annotated[int, Query(ge=1, le=MOST_PAGE)]
Offset = Annotated[int, Query(ge=0, le=1 << 40)]


def _out(found: Standing) -> DatasetOut:
    return DatasetOut(**vars(found.dataset), relation=found.relation.value)


@router.get("")
def list_datasets(caller: Called, limit: Limit = PAGE, offset: Offset = 0) -> DatasetsOut:
    """Datasets that the caller may see, by name."""
    rows, following = page(caller.datasets(), limit, offset)
    return DatasetsOut(datasets=[_out(caller.dataset(one.id)) for one in rows], next=following)


@router.post("", status_code=201)
def create_dataset(caller: Called, body: DatasetIn) -> DatasetOut:
    """A new dataset of the caller, without versions."""
    return _out(caller.dataset(caller.create_dataset(body.name).id))


@router.get("/{dataset}")
def get_dataset(caller: Called, dataset: str) -> DatasetOut:
    """A dataset, and what it is to the caller."""
    return _out(caller.dataset(dataset))


@router.patch("/{dataset}")
def change_dataset(caller: Called, dataset: str, body: DatasetChange) -> DatasetOut:
    """Change settings; what is missing stays as it is."""
    caller.change(dataset, listed=body.listed, public_log=body.public_log, criteria=body.criteria)
    return _out(caller.dataset(dataset))


@router.post("/{dataset}/close", status_code=204)
def close_dataset(caller: Called, dataset: str) -> None:
    """End all restoration from a dataset."""
    caller.close(dataset)


@router.get("/{dataset}/usage")
def dataset_usage(caller: Called, dataset: str, limit: Limit = PAGE, offset: Offset = 0) -> UsageOut:
    """Who restored how many images, and when."""
    rows, following = page(caller.usage(dataset), limit, offset)
    return UsageOut(uses=[UseOut(**vars(one)) for one in rows], next=following)
