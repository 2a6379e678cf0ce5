"""Upload by a form, and the jobs that it makes."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import time

import pytest

from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.signed import signed_by


@pytest.fixture
def dataset(site, golden):  # type: ignore[no-untyped-def]
    known = [one for one in site.session("owner").datasets() if one.name == "photos"]
    if known:
        return known[0].id
    made = site.dataset("photos", golden)
    site.grant(made)
    return made


def parts(golden):  # type: ignore[no-untyped-def]
    return [("images", (f"{number}.png", data)) for number, data in enumerate(golden.files().values())]


def send(page, dataset, files, once=""):  # type: ignore[no-untyped-def]
    place = f"/web/datasets/{dataset}"
    return page.form(f"{place}/jobs", f"{place}/restore", data={"once": once}, files=files)


def ended(page, job):  # type: ignore[no-untyped-def]
    for _ in range(3000):
        if (found := page.get(f"{job}/state").json())["state"] not in ("queued", "running"):
            return found
        time.sleep(0.02)
    return pytest.fail("the job does not end")


def test_upload_result_and_removal(site, golden, dataset):  # type: ignore[no-untyped-def]
    page = site.page("user")
    job = send(page, dataset, parts(golden), "first").url.path
    assert ended(page, job) == {"state": "done", "images": 6, "error": ""}
    again = send(page, dataset, parts(golden), "first")  # the same page, sent twice
    assert again.url.path == job
    other = send(page, dataset, parts(golden)[1:], "first")
    assert other.status_code == 409
    assert "6 restored, 0 refused" in re.sub(r"\s+|<[^>]*>", " ", page.get(job).text).replace("  ", " ").replace(
        " , ", ", "
    )
    found = page.get(f"{job}/result", params={"format": "tar"})
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''restored.tar"
    with tarfile.open(fileobj=io.BytesIO(found.content)) as archive:
        assert archive.getnames() == [*(f"{number}.png" for number in range(6)), "RESULT.json"]
        listed = archive.extractfile("RESULT.json").read()  # type: ignore[union-attr]
    assert signed_by(listed, site.platform.audit.public.hex())  # as a download by the API
    for name in ("owner", "stranger"):
        for path in (job, f"{job}/state", f"{job}/result"):
            assert site.page(name).get(path).status_code == 404
    assert job in page.get("/web/jobs").text
    assert "The job was cancelled" in page.form(f"{job}/cancel", job).text
    assert page.get(f"{job}/result").status_code == 404
    assert page.get(job).status_code == 200
    assert site.page("stranger").get(job).status_code == 404


def test_the_restored_files_are_those_of_the_command(site, golden, dataset, tmp_path):  # type: ignore[no-untyped-def]
    from releases import KEY

    import ripguard

    KEY.write(tmp_path / "k")
    ripguard.restore(golden.root, tmp_path / "back", tmp_path / "k", workers=1)
    back = {hashlib.sha256(one.read_bytes()).digest() for one in (tmp_path / "back").rglob("*.png")}
    page = site.page("user")
    job = send(page, dataset, parts(golden)).url.path
    ended(page, job)
    with tarfile.open(fileobj=io.BytesIO(page.get(f"{job}/result?format=tar").content)) as archive:
        found = {hashlib.sha256(archive.extractfile(one).read()).digest() for one in archive.getmembers()[:-1]}  # type: ignore[union-attr]
    assert found == back


def test_who_may_not_restore_uploads_nothing(site, golden, dataset):  # type: ignore[no-untyped-def]
    place = f"/web/datasets/{dataset}"
    for name in ("stranger", "other", "auditor", "admin"):
        answer = site.page(name).form(f"{place}/jobs", "/web/datasets", files=parts(golden))
        assert answer.status_code == 404


def test_no_file(site, dataset):  # type: ignore[no-untyped-def]
    answer = send(site.page("user"), dataset, [("images", ("", b""))])
    assert (answer.status_code, "no file was chosen" in answer.text) == (422, True)


def test_too_large(site, golden, dataset, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(site.state, "uploads", UploadLimits(total_bytes=5000))
    page = site.page("user")
    assert send(page, dataset, [("images", ("a.png", bytes(9000)))]).status_code == 413
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.get("/web/datasets").text)[1]  # type: ignore[index]
    body = (
        f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n--b\r\nContent-Disposition: form-data; '
        'name="images"; filename="a"\r\n\r\n'.encode()
    )
    answer = page.post(  # without a length
        f"/web/datasets/{dataset}/jobs", content=iter([body, *[bytes(1000)] * 9, b"\r\n--b--\r\n"]),
        headers={"Sec-Fetch-Site": "same-origin", "Content-Type": "multipart/form-data; boundary=b"},
    )  # fmt: skip
    assert answer.status_code == 413
