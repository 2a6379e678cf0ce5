"""A job in the browser: revocation while it runs and while its result arrives, cancelling, and what is refused."""

from __future__ import annotations

import dataclasses
import io
import threading
import zipfile
from collections.abc import Iterator

import pytest

from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.service.parts import JobFiles
from ripguard.platform.web.routes import jobs as pages

RUNNER = "ripguard.platform.service.runner.MOST"
WAIT = 120  # seconds


class Gate:
    """Stops a thread of the server at a place until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def stop(self) -> None:
        self.reached.set()
        assert self.open.wait(WAIT)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def dataset(site, golden):  # type: ignore[no-untyped-def]
    known = [one for one in site.session("owner").datasets() if one.name == "photos"]
    if known:
        return known[0].id
    made = site.dataset("photos", golden)
    site.grant(made)
    return made


def upload(site, tab, golden, dataset, *more):  # type: ignore[no-untyped-def]
    """Choose the images of the golden release, and more; send them."""
    tab.goto(f"{site.url}/web/datasets/{dataset}/restore")
    found = [(f"{number}.png", data) for number, data in enumerate(golden.files().values())]
    files = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in [*found, *more]]
    tab.locator("#images").set_input_files(files)
    tab.get_by_role("button", name="Upload and restore").click()


def token(site):  # type: ignore[no-untyped-def]
    """A new token of the user, which the test may revoke."""
    user = site.session("user").account().id
    made = site.platform.tokens.issue(user, Wanted(life=DAY), "platform")
    site.tokens["once"] = made.text
    return made.accessor


@pytest.mark.slow
def test_a_revoked_token_stops_a_running_job(site, tab, golden, dataset, gate, monkeypatch):  # type: ignore[no-untyped-def]
    accessor, add = token(site), JobFiles.add

    def added(self, first, part):  # type: ignore[no-untyped-def]
        add(self, first, part)
        gate.stop()

    monkeypatch.setattr(RUNNER, 2)
    monkeypatch.setattr(JobFiles, "add", added)
    site.sign_in(tab, "once")
    upload(site, tab, golden, dataset)
    assert gate.reached.wait(WAIT)
    tab.get_by_text("Restoring: 0 of 6 images have a result").wait_for()
    place = tab.url
    site.session("admin").revoke_token(accessor)
    gate.open.set()
    tab.get_by_text("Your session ended, or access was revoked. Nothing more is restored.").wait_for()
    tab.reload()
    tab.get_by_text("You were signed out").wait_for()
    site.sign_in(tab, "user")
    for _ in range(200):
        tab.goto(place)
        if tab.locator("#result .tag").inner_text() == "failed":
            break
    assert "The right to restore ended." in tab.inner_text("#job")
    assert "2 restored, 0 refused" in tab.inner_text("#counts")
    tab.get_by_role("button", name="Continue").click()  # with the token of this session
    tab.get_by_text("6 images were received").wait_for()


@pytest.mark.parametrize("what", ["token", pytest.param("grant", marks=pytest.mark.slow)])
def test_revocation_stops_a_result_that_arrives(site, tab, golden, gate, what, monkeypatch):  # type: ignore[no-untyped-def]
    dataset = site.dataset(f"stream-{what}", golden)
    grant, accessor, results = site.grant(dataset), token(site), pages.results

    def slow(*arguments):  # type: ignore[no-untyped-def]
        for number, one in enumerate(results(*arguments)):
            if number == 2 and streaming.is_set():
                gate.stop()
            yield one

    streaming = threading.Event()
    archive = pages.archive

    def streamed(outcomes, *more):  # type: ignore[no-untyped-def]
        streaming.set()
        return archive(outcomes, *more)

    monkeypatch.setattr(pages, "results", slow)
    monkeypatch.setattr(pages, "archive", streamed)
    site.sign_in(tab, "once")
    upload(site, tab, golden, dataset)
    assert gate.reached.wait(WAIT)
    if what == "token":
        site.session("admin").revoke_token(accessor)
    else:
        site.session("owner").revoke_grant(grant)
    gate.open.set()
    text = "The restoration ended early: the right to restore ended. "
    tab.get_by_text(text).wait_for()
    got = int(tab.inner_text("#received").removeprefix(text).split()[0])
    assert got <= 3
    assert tab.locator(".pairs li").count() == got


@pytest.mark.slow
def test_cancel(site, tab, golden, dataset, gate, monkeypatch):  # type: ignore[no-untyped-def]
    add = JobFiles.add

    def added(self, first, part):  # type: ignore[no-untyped-def]
        add(self, first, part)
        gate.stop()

    monkeypatch.setattr(RUNNER, 2)
    monkeypatch.setattr(JobFiles, "add", added)
    site.sign_in(tab, "user")
    upload(site, tab, golden, dataset)
    assert gate.reached.wait(WAIT)
    tab.get_by_role("button", name="Cancel", exact=True).click()
    tab.get_by_text("The job was cancelled").wait_for()
    gate.open.set()
    assert tab.locator("#result .tag").inner_text() == "cancelled"
    assert not tab.get_by_role("link", name="Download (zip)").count()


@pytest.mark.slow
def test_cancel_an_upload(site, tab, golden, dataset):  # type: ignore[no-untyped-def]
    site.sign_in(tab, "user")
    tab.route("**/jobs", lambda route: None)  # it does not arrive
    before = len(site.state.runner.jobs.all(site.session("user").caller))
    upload(site, tab, golden, dataset)
    tab.get_by_role("button", name="Cancel the upload").click()
    tab.get_by_text("The upload was cancelled. Nothing was restored.").wait_for()
    tab.unroute_all(behavior="ignoreErrors")
    assert len(site.state.runner.jobs.all(site.session("user").caller)) == before
    tab.get_by_role("button", name="Upload and restore").click()  # and again
    tab.get_by_text("6 images were received").wait_for()


@pytest.mark.slow
def test_what_is_refused_has_a_reason(site, tab, golden, dataset):  # type: ignore[no-untyped-def]
    from helpers import crop

    from ripguard.images.encoding import png_bytes

    site.sign_in(tab, "user")
    upload(site, tab, golden, dataset, ("other.png", png_bytes(crop(1))), ("<b>.txt", b"a note"), ("x.png", b"broken"))
    tab.get_by_text("6 images were received").wait_for()
    assert "6 restored, 2 refused, 1 left out" in tab.inner_text("#counts")
    rows = tab.locator("section", has=tab.get_by_role("heading", name="Refused")).locator("tbody tr")
    assert rows.count() == 2
    assert "not a published image of this dataset" in rows.first.inner_text()
    assert "other.png" in rows.first.inner_text()


@pytest.mark.slow
def test_an_archive_that_is_dropped(site, tab, golden, dataset):  # type: ignore[no-untyped-def]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, data in enumerate(golden.files().values()):
            archive.writestr(f"train/{number}.png", data)
    site.sign_in(tab, "user")
    tab.goto(f"{site.url}/web/datasets/{dataset}/restore")
    transfer = tab.evaluate_handle(
        """(data) => {
            const made = new DataTransfer();
            made.items.add(new File([new Uint8Array(data)], "mine.zip", {type: "application/zip"}));
            return made;
        }""",
        list(target.getvalue()),
    )
    tab.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    tab.get_by_text("1 file, ").wait_for()
    proxy = (lambda route: route.fulfill(status=502, body="<html>"), lambda route: route.abort())
    for answer, text in zip(proxy, ("the server failed", "The connection ended")):
        tab.route("**/jobs", answer)
        tab.get_by_role("button", name="Upload and restore").click()
        tab.get_by_text(text).wait_for()
        tab.unroute_all(behavior="ignoreErrors")
    tab.get_by_role("button", name="Upload and restore").click()
    tab.get_by_text("6 images were received").wait_for()
    assert tab.locator(".pairs figcaption").first.inner_text() == "train/0.png"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "text"),
    [({"open_jobs": -1}, "Refused: -1 jobs have not ended: wait for one."), ({"bytes_a_day": 1}, "Refused: ")],
)
def test_limits(site, tab, golden, dataset, monkeypatch, limits, text):  # type: ignore[no-untyped-def]
    """A form counts as the API does; −1 jobs are more than are allowed without waiting for one to run."""
    settings = site.platform.settings
    changed = dataclasses.replace(settings, limits=dataclasses.replace(settings.limits, **limits))
    monkeypatch.setattr(site.platform, "settings", changed)
    site.sign_in(tab, "user")
    upload(site, tab, golden, dataset)
    tab.get_by_text(text).wait_for()
