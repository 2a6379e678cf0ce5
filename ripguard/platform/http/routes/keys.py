"""Unit keys, for restoring without the platform."""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException

from ripguard.platform.http.callers import Called, group
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import UnitKeysIn, UnitKeysOut
from ripguard.platform.http.routes.deposits import private

router = group("keys", "/v1/datasets", responses=RESPONSES)


@router.post("/{dataset}/unit-keys")
def unit_keys(request: Request, caller: Called, dataset: str, body: UnitKeysIn) -> UnitKeysOut:
    """The keys of the units that a grant of keys opens, as the text of a key file.

    They restore offline and for ever, for everybody who gets a copy: they cannot be revoked, and the log shows no use
    of them. They are given over TLS, or on the same machine, alone.
    """
    if not private(request):
        raise HTTPException(403, "keys are given over TLS, or on the same machine")
    version, ring = caller.unit_keys(dataset, body.version)
    return UnitKeysOut(dataset=dataset, version=version, units=sorted(ring.units), key_file=ring.text())
