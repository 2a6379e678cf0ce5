"""Numbers of the server, and none about somebody."""

from __future__ import annotations


def test_numbers_without_names(running, hundred):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "counted")
    assert len(list(running.client("owner").restore(dataset, list(hundred.published.items())[:3]))) == 3
    with running.raw() as http:
        http.get("/v1/datasets/ds_secret")
        http.get("/rgd_secret")
        http.request("INVENTED", "/v1/me")
        found = http.get("/metrics")
    assert found.headers["content-type"].startswith("text/plain")
    assert 'ripguard_images_total{result="restored"} 3.0' in found.text
    assert 'route="/v1/datasets/{dataset}",status="401"} 1.0' in found.text
    for word in ("secret", "INVENTED", dataset, "rgd_", "127.0.0.1", "photos"):
        assert word not in found.text
