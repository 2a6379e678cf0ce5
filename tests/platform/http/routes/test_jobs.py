"""Jobs over HTTP, also of a server that is killed in the middle of one."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time

import pytest

from ripguard.platform.audit.verifying import verify
from ripguard.platform.callers import Wanted
from ripguard.platform.client import Client, Image
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, Conflict
from ripguard.platform.roles import Role
from ripguard.platform.settings import Settings

SERVERS = (1, 2)


def ended(client, job):  # type: ignore[no-untyped-def]
    for _ in range(6000):
        if (found := client.call("GET", f"/v1/jobs/{job}"))["state"] not in ("queued", "running"):
            return found
        time.sleep(0.02)
    return pytest.fail("the job does not end")


def test_a_job(running, hundred):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "jobs")
    running.grant(dataset)
    user, images = running.client("user"), sorted(hundred.published.items())
    job = user.create_job(dataset, "first", images)
    assert user.create_job(dataset, "first", images)["id"] == job["id"]
    with pytest.raises(Conflict):
        user.create_job(dataset, "first", images[1:])
    done = ended(user, job["id"])
    assert (done["state"], done["images"]) == ("done", 100)
    found = list(user.job_result(job["id"]))
    assert {one.upload: hashlib.sha256(one.data).hexdigest() for one in found} == hundred.clean
    with pytest.raises(Absent):
        list(running.client("owner").job_result(job["id"]))
    assert [one["id"] for one in user.all("/v1/jobs", "jobs")] == [job["id"]]
    assert user.call("DELETE", f"/v1/jobs/{job['id']}")["state"] == "cancelled"
    with pytest.raises(Absent):
        list(user.job_result(job["id"]))


def serve(folder):  # type: ignore[no-untyped-def]
    command = [sys.executable, "-m", "ripguard", "serve", "--data", folder, "--port", "0", "--workers", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, json.loads(process.stdout.readline())["address"]  # type: ignore[union-attr]


def test_killed_and_started_again(hundred, tmp_path):  # type: ignore[no-untyped-def]
    folder = tmp_path / "platform"
    platform = Platform.start(Settings(folder=folder))
    platform.first_admin()
    owner = platform.principals.create("owner", Role.OWNER, "platform")
    token = platform.tokens.issue(owner.id, Wanted(), "platform").text
    platform.close()
    images = [(f"{again}/{path}", data) for again in range(6) for path, data in sorted(hundred.published.items())]
    process, address = serve(folder)
    try:
        with Client(address, token) as client:
            dataset = client.call("POST", "/v1/datasets", {"name": "photos"})["id"]
            client.deposit(dataset, hundred.root, hundred.key)
            job = client.create_job(dataset, "k", images)["id"]
            while not (before := client.call("GET", f"/v1/jobs/{job}")["images"]):
                time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert before < len(images)
        process, address = serve(folder)
        with Client(address, token) as client:
            assert ended(client, job)["state"] == "done"
            found = list(client.job_result(job))
            assert all(isinstance(one, Image) for one in found)
            assert [one.upload for one in found] == [name for name, _ in images]
            assert all(hashlib.sha256(one.data).hexdigest() == hundred.clean[one.home] for one in found)
            (use,) = client.all(f"/v1/datasets/{dataset}/usage", "uses")
        assert len(images) <= use["images"] <= len(images) + 64 * 4  # what was read ahead is recorded again
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    again = Platform.start(Settings(folder=folder))
    assert verify(again.audit).ok
    again.close()
