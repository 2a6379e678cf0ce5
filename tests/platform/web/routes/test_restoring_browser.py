"""From deposit to clean images and back to refusal, with a browser, as people do it."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path
from urllib.parse import quote

from helpers import good

from ripguard.crypto.keys import Key
from ripguard.release.manifest import Release

STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


def spellings(secret: bytes) -> set[str]:
    """How a text may hold some bytes."""
    found = {secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode().rstrip("=")}
    return found | {secret.hex().upper(), quote(secret, safe="")}


def secrets_of(many, tokens) -> set[str]:  # type: ignore[no-untyped-def]
    """Every text that would give away a key or a token."""
    key = Key.read(many.key)
    subkey = key.dataset(Release.open(many.root).dataset_id).secret
    return {*tokens, many.key.read_text().strip(), *spellings(bytes(range(32))), *spellings(subkey)}


def tab_of(chromium, place: Path):  # type: ignore[no-untyped-def]
    """A page whose traffic is written down, and all that it shows, stores and says."""
    context = chromium.new_context(accept_downloads=True, record_har_path=place, record_har_content="embed")
    context.set_default_timeout(120_000)
    tab, seen = context.new_page(), list[str]()
    tab.on("console", lambda one: seen.append(one.text))
    tab.on("pageerror", lambda one: seen.append(str(one)))
    tab.on("framenavigated", lambda frame: seen.append(frame.url))
    return context, tab, seen


def look(tab, seen: list[str]) -> None:  # type: ignore[no-untyped-def]
    """Add what the page shows and stores, the values of its fields too."""
    values = "[...document.querySelectorAll('input, textarea')].map((one) => one.value).join('\\n')"
    seen += [tab.content(), tab.url, tab.evaluate(STORED), tab.evaluate(values)]


def traffic(file: Path) -> str:
    """What went over the network, without the form that signs in."""
    entries = json.loads(file.read_text())["log"]["entries"]
    assert len(entries) > 5
    for one in entries:
        if one["request"]["url"].endswith("/web/sign-in"):
            one["request"].pop("postData", None)
    texts = [json.dumps(one) for one in entries]
    for one in entries:
        content = one["response"]["content"]
        if content.get("encoding") == "base64":
            texts.append(base64.b64decode(content["text"]).decode("latin-1"))
    return "\n".join(texts)


def test_from_deposit_to_revocation(site, chromium, many, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RIPGUARD_SERVER", site.url)
    token = tmp_path / "owner.token"
    token.write_text(site.tokens["owner"])
    token.chmod(0o600)
    dataset = good(
        "platform", "deposit", many.root, "--dataset", "cifar", "--key-file", many.key, "--token-file", token
    )["dataset"]
    site.session("owner").change(dataset, listed=True, criteria=["Who will see the images?"])
    theirs, user, seen = tab_of(chromium, tmp_path / "user.har")
    ours, owner, also = tab_of(chromium, tmp_path / "owner.har")

    site.sign_in(user, "user")
    user.get_by_role("link", name="cifar").click()
    assert not user.get_by_role("link", name="Restore images").count()
    user.get_by_label("Purpose").fill("To compare training methods.")
    user.get_by_label("Who will see the images?").fill("Our lab.")
    user.get_by_role("button", name="Ask", exact=True).click()
    user.get_by_text("Your request was sent").wait_for()

    site.sign_in(owner, "owner")
    owner.get_by_role("link", name="cifar").click()
    assert "To compare training methods." in owner.inner_text("main")
    assert "Our lab." in owner.inner_text("main")
    owner.locator("summary", has_text="Allow").click()
    owner.get_by_role("button", name="Allow").click()
    owner.get_by_text("The grant was made").wait_for()
    look(owner, also)

    user.goto(f"{site.url}/web/datasets/{dataset}")
    look(user, seen)
    user.get_by_role("link", name="Restore images").click()
    files = {f"{number:03}.png": path for number, path in enumerate(sorted(many.clean))}
    for name, path in files.items():
        (tmp_path / name).write_bytes((many.root / path).read_bytes())
    user.locator("#images").set_input_files([str(tmp_path / name) for name in files])
    assert "500 files" in user.inner_text("#chosen")
    user.get_by_role("button", name="Upload and restore").click()
    user.get_by_text("500 images were received").wait_for()
    assert "500 restored, 0 refused" in user.inner_text("#counts")
    assert user.locator(".pairs li").count() == 12
    assert user.locator(".pairs img").count() == 24  # before and after
    assert user.evaluate("[...document.querySelectorAll('.pairs img')].every((one) => one.naturalWidth === 32)")
    look(user, seen)

    user.reload()  # the job is still there; the files from before are not
    user.get_by_text("500 images were received").wait_for()
    assert user.locator(".pairs img").count() == 12
    for link in ("Download (zip)", "Download (tar)"):
        with user.expect_download() as waiting:
            user.get_by_role("link", name=link).click()
        saved = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(saved)
    with zipfile.ZipFile(tmp_path / "restored.zip") as archive:
        rows = json.loads(archive.read("RESULT.json"))["images"]
        assert len(rows) == 500
        for row in rows:
            assert hashlib.sha256(archive.read(row["name"])).hexdigest() == many.clean[files[row["upload"]]]
    assert (tmp_path / "restored.tar").stat().st_size > 500 * 1024

    owner.reload()
    assert "500" in owner.locator("section", has=owner.get_by_role("heading", name="Usage")).inner_text()
    owner.get_by_role("button", name="Revoke the grant of user").click()
    owner.get_by_text("Running restorations stop").wait_for()
    look(owner, also)

    user.reload()
    user.get_by_text("The right to restore ended").first.wait_for()
    look(user, seen)
    user.goto(f"{site.url}/web/datasets/{dataset}/restore")
    assert not user.locator("#images").count()
    look(user, seen)
    user.get_by_role("button", name="Sign out").click()
    user.get_by_text("You are signed out").wait_for()
    look(user, seen)

    theirs.close()
    ours.close()
    texts = ["\n".join(seen), "\n".join(also), traffic(tmp_path / "user.har"), traffic(tmp_path / "owner.har")]
    assert all(dataset in one for one in texts)  # they are what they should be
    for secret in secrets_of(many, site.tokens.values()):
        for number, text in enumerate(texts):
            assert secret not in text, number
    assert "SyntaxError" not in texts[0]
