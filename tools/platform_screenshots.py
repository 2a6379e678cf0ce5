"""Draw pages of the platform as images, with Chromium, from a real server with photographs.

python tools/platform_screenshots.py             # into docs/
python tools/platform_screenshots.py --out build

A platform starts on a free port, in a temporary folder. An owner deposits a release of photographs that come with
scikit-image, somebody asks for access, and a user restores. Makes ``platform-NAME.png`` for each page.
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
import io  # noqa: E402
import shutil  # noqa: E402
import tempfile  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from PIL import Image  # noqa: E402

import ripguard  # noqa: E402
from ripguard.crypto.keys import Key  # noqa: E402
from ripguard.errors import UsageError, refusals_printed  # noqa: E402
from ripguard.platform.access.grants import Terms  # noqa: E402
from ripguard.platform.callers import Wanted  # noqa: E402
from ripguard.platform.client import Client  # noqa: E402
from ripguard.platform.clock import DAY  # noqa: E402
from ripguard.platform.core import Platform  # noqa: E402
from ripguard.platform.roles import Role  # noqa: E402
from ripguard.platform.serving import Serving, server_of  # noqa: E402
from ripguard.platform.settings import Settings  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESK, TALL, PHONE = ({"width": 1000, "height": 760}, {"width": 1000, "height": 1320}, {"width": 360, "height": 760})
PHOTOS = 40


@dataclass
class Site:
    """A server with a deposited release.

    Attributes:
        tokens: by account.
        images: paths of protected images.
    """

    url: str
    platform: Platform
    tokens: dict[str, str]
    dataset: str
    images: list[Path]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs", metavar="DIR", help="default docs/")
    options = parser.parse_args()
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if program is None:
        raise UsageError(f"there is no browser: none of {', '.join(BROWSERS)} is installed", "install Chromium")
    from playwright.sync_api import sync_playwright

    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        platform = Platform.start(Settings(folder=Path(folder) / "platform"))
        server = server_of(platform, Serving(port=0))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            for name, data in drawn(browser, filled(platform, url, Path(folder))).items():
                target = options.out / f"platform-{name}.png"
                with Image.open(io.BytesIO(data)) as image:
                    image.convert("RGB").save(target, optimize=True)
                print(f"{target}: {target.stat().st_size / 1024:.0f} KiB")
        finally:
            browser.close()
            server.should_exit = True
            thread.join()


def filled(platform: Platform, url: str, place: Path) -> Site:
    """Accounts, a release, a grant and requests."""
    tokens, accounts = {}, {}
    for name, role in {"anna": Role.OWNER, "lab": Role.USER, "startup": Role.USER}.items():
        accounts[name] = platform.principals.create(name, role, "platform")
        tokens[name] = platform.tokens.issue(accounts[name].id, Wanted(life=DAY), "platform").text
    ripguard.keygen(place / "key")
    ripguard.protect("photos", place / "release", place / "key", scheme="balanced", limit=PHOTOS, workers=1)
    with Client(url, tokens["anna"]) as client:
        dataset = str(client.call("POST", "/v1/datasets", {"name": "photos"})["id"])
        client.deposit(dataset, place / "release", Key.read(place / "key"))
    owner = platform.session(tokens["anna"])
    owner.change(dataset, listed=True, criteria=["Who will see the images?"])
    owner.grant(dataset, "lab", Terms(ends_at=platform.clock() + 90 * DAY, images=10_000))
    platform.session(tokens["startup"]).ask(
        dataset, "We compare two training methods, and publish the accuracy alone.", ["Four people, all employed here."]
    )
    return Site(url, platform, tokens, dataset, sorted((place / "release").rglob("*.png")))


def drawn(browser: Any, site: Site) -> dict[str, bytes]:
    """PNG files of the pages, by name."""
    found = {}
    with browser.new_context(viewport=DESK) as context:
        tab = context.new_page()
        tab.goto(f"{site.url}/web/sign-in")
        found["sign-in"] = tab.screenshot()
        restored(tab, site)
        found["restore"] = tab.screenshot()
    with browser.new_context(viewport=TALL) as context:
        tab = context.new_page()
        signed_in(tab, site, "anna")
        tab.goto(f"{site.url}/web/datasets/{site.dataset}")
        tab.locator("summary", has_text="Allow").click()
        found["owner"] = tab.screenshot()
    with browser.new_context(viewport=PHONE, device_scale_factor=2) as context:
        tab = context.new_page()
        signed_in(tab, site, "lab")
        tab.goto(f"{site.url}/web/datasets/{site.dataset}")
        found["phone"] = tab.screenshot()
    with browser.new_context(viewport=DESK, color_scheme="dark") as context:
        tab = context.new_page()
        restored(tab, site)
        found["dark"] = tab.screenshot()
    return found


def signed_in(tab: Any, site: Site, name: str) -> None:
    """Sign in with the token of an account."""
    tab.goto(f"{site.url}/web/sign-in")
    tab.get_by_label("Token", exact=True).fill(site.tokens[name])
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/web/datasets")


def restored(tab: Any, site: Site) -> None:
    """Restore, and wait for the previews."""
    signed_in(tab, site, "lab")
    tab.goto(f"{site.url}/web/datasets/{site.dataset}/restore")
    files = [
        {"name": f"{number:03}.png", "mimeType": "image/png", "buffer": file.read_bytes()}
        for number, file in enumerate(site.images)
    ]
    tab.locator("#images").set_input_files(files)
    tab.get_by_role("button", name="Upload and restore").click()
    tab.get_by_text("images were received").wait_for()


if __name__ == "__main__":
    with refusals_printed():
        main()
