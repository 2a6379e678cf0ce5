"""Unit keys over HTTP and on the command line: what they restore, and who gets them."""

from __future__ import annotations

import stat

import anyio
import httpx
import pytest
from helpers import call, good

import ripguard
from ripguard.platform.clock import DAY
from ripguard.platform.errors import Absent
from ripguard.platform.http.app import application
from ripguard.platform.http.state import State
from ripguard.platform.profiles import Profile
from ripguard.platform.service.pools import Pools


def test_restore_a_class_offline(running, hundred, tmp_path):  # type: ignore[no-untyped-def]
    """The file restores exactly the granted part, and the log has the delivery."""
    dataset = running.dataset(hundred, "offline")
    label = sorted({path.split("/")[1] for path in hundred.published})[1]
    running.grant(dataset, split="train", label=label, delivery="keys")
    Profile(running.url, dataset, running.tokens["user"], running.platform.clock() + DAY).write(tmp_path / "p")
    out = good("platform", "keys", "--profile", tmp_path / "p", "--out", tmp_path / "k")
    text = (tmp_path / "k").read_text()
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert len(out["units"]) == 1
    assert text.splitlines()[-1] not in str(out)
    result = ripguard.restore(hundred.root, tmp_path / "back", tmp_path / "k")
    assert result.restored == 25
    assert {path.parent.name for path in (tmp_path / "back").rglob("*_*.*")} == {label}
    log = list(running.client("auditor").export_log(dataset))
    assert sum('"deliver keys"' in line and '"allowed"' in line for line in log) == 1
    assert not any(line in "".join(log) for line in text.splitlines() if not line.startswith("#"))
    code, _, err = call("platform", "keys", dataset, "--profile", tmp_path / "p", "--out", tmp_path / "k")
    assert code == 2
    assert "exists" in err
    code, _, err = call("protect", hundred.root, tmp_path / "o", "--key-file", tmp_path / "k")
    assert code == 3
    assert "Traceback" not in err


def test_who_gets_none(running, hundred):  # type: ignore[no-untyped-def]
    """A grant of images is not enough; neither are other roles, other datasets and versions that are not there."""
    dataset = running.dataset(hundred, "images-only")
    running.grant(dataset)
    for name in ("user", "owner", "other", "auditor", "admin", "stranger"):
        with pytest.raises(Absent):
            running.client(name).unit_keys(dataset)
    with pytest.raises(Absent):
        running.client("user").unit_keys("ds_0")
    grant = running.grant(dataset, delivery="keys")
    assert running.client("user").unit_keys(dataset)["version"] == 1
    with pytest.raises(Absent):
        running.client("user").unit_keys(dataset, 2)
    running.client("owner").call("DELETE", f"/v1/grants/{grant}")
    with pytest.raises(Absent):
        running.client("user").unit_keys(dataset)


def test_not_over_an_open_network(running, hundred):  # type: ignore[no-untyped-def]
    """A proxy that says that the client came by HTTP from elsewhere."""
    dataset = running.dataset(hundred, "open")
    running.grant(dataset, delivery="keys")
    app = application(State(running.platform, Pools()))
    headers = {"Authorization": f"Bearer {running.tokens['user']}"}

    async def ask() -> httpx.Response:
        way = httpx.ASGITransport(app, client=("192.0.2.1", 5))
        async with httpx.AsyncClient(transport=way, base_url="http://data", headers=headers) as client:
            return await client.post(f"/v1/datasets/{dataset}/unit-keys", json={})

    answer = anyio.run(ask)
    assert answer.status_code == 403
    assert "ripguard-unit" not in answer.text
