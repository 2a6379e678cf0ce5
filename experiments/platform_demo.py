"""Start a platform with something in it: protected photographs, deposited, their owner, and a user who may restore.

    python experiments/platform_demo.py                 # as `make platform` runs it; Ctrl-C stops it
    python experiments/platform_demo.py --port 9000     # other options go to `ripguard serve`

The first start makes everything in build/platform, in less than a minute; later ones reuse it, and write new tokens.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from _run import ROOT

import ripguard
from ripguard.crypto.keys import Key
from ripguard.errors import StorageError, refusals_printed
from ripguard.platform.client import Client
from ripguard.platform.clock import DAY, now
from ripguard.platform.errors import Conflict
from ripguard.platform.profiles import Profile, token_of
from ripguard.platform.serving import TOKEN
from ripguard.store.atomic import write_file

SOURCE, LIMIT, DATASET, LIFE = "demo", 300, "photographs", 30 * DAY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "platform", help="folder for all that is made")
    options, more = parser.parse_known_args()
    work = options.work.absolute()
    protect(work)
    command = [sys.executable, "-m", "ripguard", "serve", "--data", str(work / "data"), "--json", *more]
    if (work / "data" / TOKEN).exists():
        command.append("--new-token")
    # of a session of its own: Ctrl-C reaches it once, through this program
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        line = server.stdout.readline()  # type: ignore[union-attr]
        if line and "address" in (about := json.loads(line)):
            tell(work, about["address"], *prepare(work, about["address"]))
        code = server.wait()
    except KeyboardInterrupt:
        server.terminate()
        code = server.wait()
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()
    sys.exit(0 if code in (0, -signal.SIGTERM) else code)


def protect(work: Path) -> None:
    """Keys and protected images, once."""
    if not (work / "owner.key").exists():
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        ripguard.keygen(work / "owner.key")
    if not (work / "protected").exists():
        print(f"protecting {LIMIT} photographs; the first start takes a minute or less", flush=True)
        ripguard.protect(SOURCE, work / "protected", work / "owner.key", limit=LIMIT)


def prepare(work: Path, address: str) -> tuple[str, str]:
    """Accounts, a deposit and a grant, where they are missing, and new tokens; returns the names of the files."""
    local = f"http://127.0.0.1:{urlsplit(address).port}"
    owner_file, profile_file = work / "owner.token", work / "user.profile"
    with Client(local, token_of(work / "data" / TOKEN)) as admin:
        for name, role in (("owner", "owner"), ("user", "user"), ("auditor", "auditor")):
            with contextlib.suppress(Conflict):  # of an earlier start
                admin.call("POST", "/v1/accounts", {"name": name, "role": role})
        ids = {one["name"]: one["id"] for one in admin.all("/v1/accounts", "accounts")}

        def token(name: str) -> dict[str, str]:
            wanted = {"account": ids[name], "life": LIFE, "note": "demo"}
            found: dict[str, str] = admin.call("POST", "/v1/tokens", wanted)
            return found

        write_file(owner_file, token("owner")["token"].encode() + b"\n", private=True)
        write_file(work / "auditor.token", token("auditor")["token"].encode() + b"\n", private=True)
        user, signer = token("user"), admin.me()["signer"]
    with Client(local, token_of(owner_file)) as owner:
        mine = [one for one in owner.all("/v1/datasets", "datasets") if one["name"] == DATASET]
        dataset = mine[0]["id"] if mine else owner.call("POST", "/v1/datasets", {"name": DATASET})["id"]
        owner.deposit(dataset, work / "protected", Key.read(work / "owner.key"))
        place, soon = f"/v1/datasets/{dataset}/grants", now() + DAY
        if not any(one["ends_at"] > soon and not one["revoked"] for one in owner.all(place, "grants")):
            owner.call("POST", place, {"account": "user", "ends_at": now() + LIFE})
    Profile(local, dataset, user["token"], int(user["expires_at"]), signer).write(profile_file)
    return str(owner_file), str(profile_file)


def tell(work: Path, address: str, owner: str, profile: str) -> None:
    program = "ripguard" if shutil.which("ripguard") else f"{sys.executable} -m ripguard"
    print(f"""
platform    {address}  (stop with Ctrl-C)
images      {work / "protected"}  (protected; deposited as {DATASET})
user        {profile}  (profile: may restore them for 30 days)
owner       {owner}  (token), {work / "owner.key"}  (key)
auditor     {work / "auditor.token"}  (token)
admin       {work / "data" / TOKEN}  (token)

Next, open {address} in a browser, and sign in with the profile or a token. Or, in another terminal:
  {program} platform restore {work / "protected"} {work / "restored"} --profile {profile}
  {program} platform decide {DATASET} --server {address} --token-file {owner}
  {program} platform log --server {address} --token-file {work / "auditor.token"}
""", flush=True)  # fmt: skip


if __name__ == "__main__":
    with refusals_printed():
        try:
            main()
        except StorageError as error:
            sys.exit(f"ripguard: error: {error.message}")
