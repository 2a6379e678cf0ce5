"""Pages as assistive technology reads them: one heading above all, labels, names of buttons, tables with heads."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser
from typing import Any

import pytest

VOID = {"meta", "link", "input", "br", "img"}


class Node:
    """An element."""

    def __init__(self, tag: str, about: dict[str, str], above: Node | None) -> None:
        self.tag, self.about, self.above = tag, about, above
        self.children: list[Node] = []
        self.own = ""

    @property
    def text(self) -> str:
        return " ".join([self.own, *(one.text for one in self.children)]).strip()

    def all(self, *tags: str) -> list[Node]:
        found = [self] if self.tag in tags else []
        for one in self.children:
            found += one.all(*tags)
        return found

    def inside(self, tag: str) -> bool:
        return self.above is not None and (self.above.tag == tag or self.above.inside(tag))


class Tree(HTMLParser):
    """The elements of a page, each closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.now = Node("", {}, None)
        self.feed(text)
        assert self.now is self.root, f"<{self.now.tag}> is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Node(tag, {name: value or "" for name, value in attrs}, self.now)
        self.now.children.append(made)
        if tag not in VOID:
            self.now = made

    def handle_endtag(self, tag: str) -> None:
        assert self.now.tag == tag, f"</{tag}> closes <{self.now.tag}>"
        assert self.now.above is not None
        self.now = self.now.above

    def handle_data(self, data: str) -> None:
        self.now.own += data


@pytest.fixture(scope="module")
def shown(site: Any, golden: Any) -> dict[str, str]:
    """Each kind of page, as whom it is for sees it."""
    dataset = site.dataset("photos", golden)
    empty = site.dataset("empty")
    site.session("owner").change(dataset, listed=True, public_log=True, criteria=["Who are you?"])
    site.session("user").ask(dataset, "To train", ["A lab"])
    site.session("stranger").ask(dataset, "To look", ["Nobody"], label="a")
    site.grant(dataset, images=60)
    page = site.page("user")
    files = [("images", (f"{number}.png", data)) for number, data in enumerate(golden.files().values())]
    files.append(("images", ("x.png", b"no image")))
    job = page.form(f"/web/datasets/{dataset}/jobs", f"/web/datasets/{dataset}/restore", files=files).url.path
    while page.get(f"{job}/state").json()["state"] in ("queued", "running"):
        pass
    user = site.session("user").account().id
    places = {
        "": ["/web/sign-in"],
        "owner": ["/web/datasets", f"/web/datasets/{dataset}", f"/web/datasets/{empty}", "/web/tokens"],
        "user": ["/web/datasets", f"/web/datasets/{dataset}", f"/web/datasets/{dataset}/restore", job, "/web/jobs"],
        "stranger": [f"/web/datasets/{dataset}", "/web/jobs", "/web/nothing"],
        "auditor": ["/web/datasets", f"/web/datasets/{dataset}", "/web/audit", "/web/accounts"],
        "admin": ["/web/datasets", f"/web/datasets/{dataset}", "/web/accounts", f"/web/accounts/{user}"],
    }
    return {f"{name} {place}": site.page(name).get(place).text for name, paths in places.items() for place in paths}


def test_headings(shown: dict[str, str]) -> None:
    for name, text in shown.items():
        levels = [int(one.tag[1]) for one in Tree(text).root.all("h1", "h2", "h3", "h4")]
        assert levels.count(1) == 1, name
        assert levels[0] == 1, name
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), (name, levels)


def test_every_field_has_a_label(shown: dict[str, str]) -> None:
    for name, text in shown.items():
        root = Tree(text).root
        labels = {one.about["for"] for one in root.all("label")}
        for field in root.all("input", "select", "textarea"):
            if field.about.get("type") != "hidden":
                assert field.about["id"] in labels, (name, field.about)
        assert all(one.text for one in root.all("label")), name


def test_ids_are_used_once_and_found(shown: dict[str, str]) -> None:
    for name, text in shown.items():
        every = [one for one in _all(Tree(text).root)]
        ids = [one.about["id"] for one in every if "id" in one.about]
        assert len(set(ids)) == len(ids), (name, sorted(ids))
        for one in every:
            for word in ("for", "aria-labelledby", "aria-describedby", "list"):
                if word in one.about:
                    assert one.about[word] in ids, (name, one.about)


def test_buttons_links_and_tables_have_names(shown: dict[str, str]) -> None:
    for name, text in shown.items():
        root = Tree(text).root
        for one in root.all("button", "a", "summary"):
            assert one.text or one.about.get("aria-label"), (name, one.about)
        for table in root.all("table"):
            heads = table.all("th")
            assert heads, name
            assert all(one.about.get("scope") == "col" and one.text for one in heads), name
            rows = [row for row in table.all("tr") if row.all("td")]
            assert all(len(row.all("td")) == len(heads) for row in rows), name
        repeated = [one.about.get("aria-label", one.text) for one in root.all("button") if one.inside("table")]
        assert len(set(repeated)) == len(repeated), (name, repeated)


def test_every_form_that_changes_something_is_sent_by_post(shown: dict[str, str]) -> None:
    for name, text in shown.items():
        for form in Tree(text).root.all("form"):
            assert form.about["method"] == "post", name
            assert [one for one in form.all("input") if one.about.get("name") == "csrf"], name


def test_language_title_and_landmarks(shown: dict[str, str]) -> None:
    titles = {}
    for name, text in shown.items():
        root = Tree(text).root
        assert text.startswith("<!doctype html>"), name
        assert root.all("html")[0].about["lang"] == "en"
        assert [len(root.all(tag)) for tag in ("main", "header", "title")] == [1, 1, 1], name
        skip = root.all("a")[0]
        assert (skip.about["href"], skip.about["class"]) == ("#content", "skip"), name
        titles[name] = root.all("title")[0].text
    assert all(one.endswith("– ripguard platform") for one in titles.values())


def test_what_each_role_is_offered(shown: dict[str, str]) -> None:
    dataset = next(name.split()[1] for name in shown if name.startswith("stranger /web/datasets/"))
    offers = {"Restore images": "owner user", "Grant to an account": "owner", "Invite somebody": "owner",
              "Close the dataset": "owner", "Withdraw the request": "user stranger", "Usage": "owner auditor",
              "Published requests": "user stranger admin", "To look": "owner auditor stranger user admin",
              "A lab": "owner auditor user"}  # fmt: skip
    for text, who in offers.items():
        found = {
            name for name in ("owner", "user", "stranger", "auditor", "admin") if text in shown[f"{name} {dataset}"]
        }
        assert found == set(who.split()), text


def _all(node: Node) -> list[Node]:
    return [node, *(two for one in node.children for two in _all(one))]
