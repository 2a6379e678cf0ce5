"""Pages on a phone, in the dark, by keyboard alone, and without script."""

from __future__ import annotations

import pytest

WIDTH = 360  # pixels
MOST_STEPS = 80  # presses of Tab


@pytest.fixture(scope="module")
def dataset(site, golden):  # type: ignore[no-untyped-def]
    made = site.dataset("photos", golden)
    site.session("owner").change(made, listed=True, criteria=["Who are you?"])
    site.session("stranger").ask(made, "To look", ["x" * 400])  # a word that is longer than the page is wide
    site.grant(made)
    return made


def buffers(golden):  # type: ignore[no-untyped-def]
    return [
        {"name": f"{number}.png", "mimeType": "image/png", "buffer": data}
        for number, data in enumerate(golden.files().values())
    ]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_a_phone_shows_all_without_sideways_scrolling(site, chromium, golden, dataset, scheme):  # type: ignore[no-untyped-def]
    with chromium.new_context(viewport={"width": WIDTH, "height": 700}, color_scheme=scheme) as context:
        tab = context.new_page()
        places = {"owner": ["datasets", f"datasets/{dataset}", "tokens"], "auditor": ["audit", "accounts"],
                  "admin": ["accounts"], "user": ["jobs", f"datasets/{dataset}/restore"]}  # fmt: skip
        grounds = set()
        for name, paths in places.items():
            context.clear_cookies()
            site.sign_in(tab, name)
            for path in paths:
                tab.goto(f"{site.url}/web/{path}")
                tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                wide = tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
                assert wide == [WIDTH, WIDTH], path
                grounds.add(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        tab.locator("#images").set_input_files(buffers(golden))
        tab.get_by_role("button", name="Upload and restore").click()
        tab.get_by_text("images were received").wait_for()
        assert tab.evaluate("document.documentElement.scrollWidth") == WIDTH
        small = """[...document.querySelectorAll('button, .button, input:not([type=hidden])')]
            .filter((one) => one.getClientRects().length && one.type !== 'checkbox' && one.offsetHeight < 24)
            .map((one) => one.outerHTML)"""
        assert tab.evaluate(small) == []
        assert len(grounds) == 1
    assert grounds == {"rgb(18, 23, 29)" if scheme == "dark" else "rgb(246, 247, 249)"}


def focused(tab) -> str:  # type: ignore[no-untyped-def]
    """Name of the element that has the focus, which must be seen."""
    found = tab.evaluate(
        """(() => {
            const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
            const label = one.labels?.[0]?.innerText ?? "";
            return {text: one.ariaLabel || label || one.innerText || "", tag: one.tagName,
                    seen: style.outlineStyle !== "none" && box.right > 0 && box.width > 0};
        })()"""
    )
    assert found["seen"] or found["tag"] == "BODY", found
    return str(found["text"]).strip()


def step_to(tab, text: str) -> None:  # type: ignore[no-untyped-def]
    """Press Tab until an element whose name starts so has the focus."""
    for _ in range(MOST_STEPS):
        tab.keyboard.press("Tab")
        if focused(tab).startswith(text):
            return
    pytest.fail(f"{text} is not reached")


def test_keyboard_alone(site, tab, golden, dataset):  # type: ignore[no-untyped-def]
    tab.goto(f"{site.url}/web/sign-in")
    tab.keyboard.press("Tab")
    assert focused(tab) == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"
    step_to(tab, "Token")
    tab.keyboard.type(site.tokens["user"])
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/web/datasets")
    step_to(tab, "photos")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/datasets/ds_*")
    step_to(tab, "Purpose")
    tab.keyboard.type("More")
    step_to(tab, "Who are you?")
    tab.keyboard.type("A lab")
    step_to(tab, "Ask")
    tab.keyboard.press("Enter")
    tab.get_by_text("Your request was sent").wait_for()
    step_to(tab, "Restore images")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/restore")
    step_to(tab, "Protected images")
    assert tab.evaluate("document.activeElement.id") == "images"
    tab.locator("#images").set_input_files(buffers(golden))  # the dialog is the browser's, not the page's
    step_to(tab, "Upload and restore")
    tab.keyboard.press("Enter")
    tab.get_by_text("6 images were received").wait_for()
    step_to(tab, "Download (zip)")
    with tab.expect_download():
        tab.keyboard.press("Enter")
    step_to(tab, "Sign out")
    tab.keyboard.press("Enter")
    tab.get_by_text("You are signed out").wait_for()


@pytest.mark.slow
def test_progress_is_told(site, tab, dataset):  # type: ignore[no-untyped-def]
    site.sign_in(tab, "user")
    tab.goto(f"{site.url}/web/datasets/{dataset}/restore")
    assert tab.locator("#said").get_attribute("aria-live") == "polite"
    assert tab.locator("progress").get_attribute("aria-labelledby") == "progress-title"


@pytest.mark.slow
def test_without_script(site, chromium, golden, dataset):  # type: ignore[no-untyped-def]
    with chromium.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        site.sign_in(tab, "user")
        tab.goto(f"{site.url}/web/datasets/{dataset}/restore")
        tab.locator("#images").set_input_files(buffers(golden))
        tab.get_by_role("button", name="Upload and restore").click()
        tab.get_by_text("6 restored, 0 refused").wait_for()  # the page comes again by itself
        with tab.expect_download() as waiting:
            tab.get_by_role("link", name="Download (tar)").click()
        assert waiting.value.suggested_filename == "restored.tar"
        context.clear_cookies()
        site.sign_in(tab, "owner")
        tab.goto(f"{site.url}/web/datasets/{dataset}")
        tab.locator("summary", has_text="Invite").click()
        tab.get_by_label("Name of the new account").fill("lab")
        with tab.expect_download() as waiting:
            tab.get_by_role("button", name="Invite, and save the profile").click()
        assert waiting.value.suggested_filename == "lab.profile.json"
        profile = waiting.value.path()
        assert profile.read_text().count("rgd_") == 1
        tab.reload()
        assert "lab" in tab.locator("section", has=tab.get_by_role("heading", name="Grants")).inner_text()
        context.clear_cookies()
        tab.goto(f"{site.url}/web/sign-in")
        tab.get_by_label("Profile file").set_input_files(profile)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(f"**/web/datasets/{dataset}")  # the one of the profile
