"""The page without a connection, and with a slow API."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from demo.client import Gallery
from demo.sign_in import PASSWORD, USER
from localcloud import cloudfront
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from tests.e2e.browser_page import sign_in, tile, visit
from tests.e2e.conftest import free_port
from tests.support.gallery_photos import jpeg, listed_photo


@pytest.mark.usefixtures("event_sources", "id_token")
def test_actions_without_a_connection_say_so_and_continue_by_themselves(
    browser: Browser, url: str, tmp_path: Path
):
    unreachable = "cannot be reached. Check your connection."
    files = [tmp_path / name for name in ("canceled.jpg", "sent.jpg")]
    for file in files:
        file.write_bytes(jpeg(240, 320))
    with visit(browser, url, expected=("ERR_INTERNET_DISCONNECTED",)) as page:

        def set_online(online: bool) -> None:
            page.context.set_offline(not online)

        page.goto("/")
        page.wait_for_load_state("networkidle")
        set_online(False)
        page.locator("#sign-in").click()
        dialog = page.locator("#sign-in-dialog")
        expect(dialog).to_contain_text(f"{USER} with the password “{PASSWORD}”")
        dialog.get_by_label("User name").fill(USER)
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog.get_by_role("alert")).to_contain_text(unreachable)
        set_online(True)
        dialog.get_by_role("button", name="Sign in").click()
        expect(page.locator("#user-name")).to_have_text(USER)

        set_online(False)
        page.locator("#files").set_input_files(files)
        waiting = page.locator("#journeys [data-state=waiting]")
        expect(waiting).to_have_count(2)
        expect(waiting.first).to_contain_text(f"{unreachable} Trying again…")
        expect(page.locator("#notice")).to_contain_text(f"{unreachable} Trying again…")
        page.get_by_role("button", name="Cancel all").click()
        expect(waiting).to_have_count(0)
        page.locator("#files").set_input_files(files)
        expect(waiting).to_have_count(2)
        waiting.filter(has_text="canceled").get_by_role("button", name="Cancel").click()
        set_online(True)
        sent = page.locator("#journeys [data-state=complete]")
        expect(sent).to_contain_text("sent")
        expect(page.locator("#journeys .title", has_text="canceled")).to_have_count(0)

        sent.locator("a").click()
        expect(page.locator("#delete")).to_be_visible()
        page.wait_for_load_state("networkidle")
        set_online(False)
        for _ in range(2):
            page.locator("#delete").click()
            page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
            expect(page.locator("#delete-problem")).to_contain_text(unreachable)
        page.locator("#sign-out").click()
        expect(page.locator("#notice")).to_contain_text(unreachable)
        set_online(True)


def test_links_wait_for_the_connection_and_then_open(
    browser: Browser, cloud: Cloud, gallery: Gallery, event_sources: EventSources
):
    older, newer = (listed_photo(gallery, event_sources) for _ in range(2))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    sentence = (
        "cannot be reached. Check your connection. The page opens when the connection is back."
    )
    with visit(browser, url, expected=("ERR_", "status of 50")) as page:
        notice = page.locator("#notice")
        with cloudfront.running(cloud, port):
            page.goto(f"/photo.html?id={newer}")
            expect(page.locator("#next")).to_have_attribute("href", f"/photo.html?id={older}")
            expect(page.locator("#counted")).to_contain_text("Yours was counted in")
            page.context.set_offline(True)
            page.keyboard.press("ArrowRight")
            expect(notice).to_contain_text(sentence)
            expect(page).to_have_url(f"{url}/photo.html?id={newer}")
            page.context.set_offline(False)
            expect(page).to_have_url(f"{url}/photo.html?id={older}")
            expect(page.locator("#previous")).to_have_attribute("href", f"/photo.html?id={newer}")
        # The page learns from its next request that the cloud is stopped.
        page.evaluate(
            "pageModule('api.js').then(({ getPhoto }) => getPhoto('none').catch(() => {}))"
        )
        page.locator("#previous").click()
        expect(notice).to_contain_text(sentence)
        page.get_by_role("link", name="All photos").click()  # the last wish counts
        with cloudfront.running(cloud, port):
            expect(page).to_have_url(f"{url}/")
            expect(tile(page, newer)).to_contain_class("loaded")


def test_counts_are_shown_while_the_view_waits_for_the_connection(
    browser: Browser, url: str, photo_id: str
):
    def lose(route: Route) -> None:
        if route.request.method == "POST":
            return route.abort("internetdisconnected")
        return route.fallback()

    with visit(browser, url, expected=("ERR_INTERNET_DISCONNECTED",)) as page:
        page.route("**/views", lose)
        page.goto(f"/photo.html?id={photo_id}")
        counted = page.locator("#counted")
        expect(counted).to_contain_text("cannot be reached. Check your connection. Trying again…")
        expect(page.locator("#total")).to_have_text(re.compile(r"^\d+$"))
        page.unroute("**/views")
        expect(counted).to_contain_text("Yours was counted in")


def test_own_view_is_shown_although_a_request_for_it_is_lost(
    browser: Browser, url: str, photo_id: str
):
    lost: list[Route] = []

    def lose_first(route: Route) -> None:
        if route.request.method == "POST" or lost:
            return route.fallback()
        lost.append(route)
        return route.abort("internetdisconnected")

    with visit(browser, url, expected=("ERR_INTERNET_DISCONNECTED",)) as page:
        page.route("**/views", lose_first)
        page.goto(f"/photo.html?id={photo_id}")
        expect(page.locator("#counted")).to_contain_text("Yours was counted in")
        assert lost


@pytest.mark.usefixtures("event_sources", "id_token")
def test_page_waits_for_a_stopped_cloud_and_loads_when_it_runs_again(
    browser: Browser, cloud: Cloud, photo_id: str
):
    port = free_port()
    with visit(browser, f"http://127.0.0.1:{port}", expected=("ERR_", "status of 50")) as page:
        page.route("**/api/photos?*", lambda route: route.abort("connectionrefused"))
        with cloudfront.running(cloud, port):
            page.goto("/")
            expect(page.locator("#gallery-note")).to_contain_text("cannot be reached")
        page.unroute("**/api/photos?*")
        expect(page.locator("#gallery-note")).to_contain_text("Trying again…")
        with cloudfront.running(cloud, port):
            expect(tile(page, photo_id)).to_contain_class("loaded")
            expect(page.locator("#gallery-note")).to_have_text("")


@pytest.mark.usefixtures("event_sources")
def test_slow_api_gets_the_same_request_again_and_makes_one_photo(
    browser: Browser, url: str, id_token: str, tmp_path: Path
):
    """The page no longer waits when the API has made the record."""
    photo = tmp_path / "slow.jpg"
    photo.write_bytes(jpeg(240, 320))
    with visit(browser, url) as page:
        page.add_init_script(
            """const send = fetch;
            globalThis.slow = true;
            fetch = async (url, options) => {
              const answer = await send(url, options);
              if (slow && options?.method === "POST" && url.endsWith("/photos")) {
                throw new DOMException("", "TimeoutError");
              }
              return answer;
            };"""
        )
        page.goto("/")
        sign_in(page)
        page.locator("#files").set_input_files([photo])
        row = page.locator("#journeys [data-state=waiting]", has_text="slow")
        expect(row).to_contain_text(re.compile(r"has not answered for \d+ seconds\. Trying again…"))
        expect(row.get_by_role("button", name="Cancel")).to_be_visible()
        page.evaluate("slow = false")
        expect(page.locator("#journeys [data-state=complete]")).to_contain_text("slow")
    with Gallery(url, id_token) as gallery:
        # A second photo would stay PENDING, and the public list has only READY ones.
        own = gallery.request("GET", "/me/photos", params={"limit": "100"}).json()["photos"]
        assert [each["title"] for each in own].count("slow") == 1


@pytest.mark.usefixtures("event_sources", "id_token")
def test_home_page_says_that_the_cloud_is_gone_while_a_photo_is_on_its_way(
    browser: Browser, url: str
):
    sentence = "The gallery cannot be reached. Check your connection. Trying again…"
    with visit(browser, url, expected=("ERR_CONNECTION_REFUSED",)) as page:
        page.goto("/")
        sign_in(page)
        # All requests are refused from the photo's first step on.
        page.route("**/api/photos/*", lambda route: route.abort("connectionrefused"))
        page.locator("#files").set_input_files(
            {"name": "unanswered.jpg", "mimeType": "image/jpeg", "buffer": jpeg(240, 320)}
        )
        row = page.locator("#journeys li", has_text="unanswered")
        expect(row).to_contain_text(sentence)
        expect(row).to_have_attribute("data-state", "uploaded")
        expect(page.locator("#notice")).to_have_text(sentence)
        expect(page.locator("#notice")).to_be_in_viewport()
        page.unroute("**/api/photos/*")
        expect(row).to_have_attribute("data-state", "complete")
        expect(row).not_to_contain_text("cannot be reached")
        expect(page.locator("#notice")).to_have_text("")


def test_page_waits_longer_after_each_attempt_until_a_slow_api_has_answered(
    browser: Browser, url: str, photo_id: str
):
    with visit(browser, url) as page:
        # Each answer takes 50 seconds, by the time that the page gives its requests.
        page.add_init_script(
            """const signalOf = AbortSignal.timeout;
            AbortSignal.timeout = (limit) => Object.assign(signalOf(limit), { limit });
            const send = fetch;
            globalThis.limits = [];
            fetch = async (url, options) => {
              if (url.startsWith("/api/photos?")) {
                limits.push(options.signal.limit);
                if (options.signal.limit < 50_000) throw new DOMException("", "TimeoutError");
              }
              return send(url, options);
            };"""
        )
        page.goto("/")
        expect(tile(page, photo_id)).to_contain_class("loaded")
        expect(page.locator("#gallery-note")).to_have_text("")
        assert page.evaluate("limits")[:3] == [20_000, 40_000, 80_000]
