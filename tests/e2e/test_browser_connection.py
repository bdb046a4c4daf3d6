"""The page without a connection, with a slow API, and with photos that are not listed."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import APIResponse, Browser, Route, expect

from demo.client import Gallery
from demo.sign_in import PASSWORD, USER
from localcloud import cloudfront
from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources
from tests.e2e.browser_page import sign_in, tile, visit
from tests.e2e.conftest import free_port
from tests.e2e.test_streams import listed_photo
from tests.e2e.test_thumbnails import jpeg

SIGN_IN_URL = """
pageModule("configuration.js").then(({ configuration }) => configuration.sign_in_url)
"""

# Adds a row of a photo that is complete.
COMPLETE = """
async () => {
  const { addByAge, setState } = await pageModule("journeys.js");
  const photo = { photo_id: "0999", title: "remembered", color: "#fff", renditions: {} };
  setState(addByAge(photo), "complete");
}
"""

# The colors of a dot of the picture, when it appears, and of its flow.
DOT = """
async () => {
  const { Token } = await pageModule("token.js");
  new Token(null).created();
  const { fill } = getComputedStyle(document.querySelector("#links > circle"));
  const { color } = getComputedStyle(document.querySelector("#picture-caption .flow2"));
  return [fill, color];
}
"""


@pytest.fixture(scope="module")
def photo_id(gallery: Gallery, event_sources: EventSources) -> str:
    return listed_photo(gallery, event_sources)


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
def test_signing_out_while_an_upload_waits_asks_for_nothing(
    browser: Browser, url: str, tmp_path: Path
):
    photo = tmp_path / "waits.jpg"
    photo.write_bytes(jpeg(240, 320))
    with visit(browser, url, expected=("status of 503",)) as page:
        page.goto("/")
        sign_in(page)
        page.route("**/api/photos", lambda route: route.fulfill(status=503, json={}))
        page.locator("#files").set_input_files([photo])
        row = page.locator("#journeys li", has_text="waits")
        expect(row).to_contain_text("Trying again…")
        page.locator("#sign-out").click()
        expect(row).to_have_attribute("data-state", "signed_out")
        expect(page.locator("#sign-in-dialog")).to_be_hidden()
        page.unroute("**/api/photos")
        row.get_by_role("button", name="Sign in").click()
        expect(page.locator("#sign-in-dialog")).to_contain_text("Your uploads continue")
        page.keyboard.press("Escape")
        # The list of own photos shows the new record before the page has the API's answer.
        created: list[tuple[Route, APIResponse]] = []
        lists: list[Route] = []
        views: list[str] = []
        page.route("**/api/photos", lambda route: created.append((route, route.fetch())))
        page.route("**/api/me/photos*", lambda route: lists.append(route))  # noqa: PLW0108 - playwright
        page.on("request", lambda sent: views.append(sent.method + sent.url.rpartition("/")[2]))
        sign_in(page)
        while not (created and lists):
            page.wait_for_timeout(50)  # until both requests are held
        page.unroute("**/api/me/photos*")
        lists[0].continue_()
        rows = page.locator("#journeys li", has_text="waits")
        expect(rows).to_have_count(2)
        route, answer = created[0]
        route.fulfill(response=answer)
        expect(rows).to_have_count(1)
        expect(rows).to_have_attribute("data-state", "complete")
        assert views.count("POSTviews") == 1


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
    """The page's patience ends after the API has made the record."""
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
        expect(row).to_contain_text("has not answered for 20 seconds. Trying again…")
        expect(row.get_by_role("button", name="Cancel")).to_be_visible()
        page.evaluate("slow = false")
        expect(page.locator("#journeys [data-state=complete]")).to_contain_text("slow")
    with Gallery(url, id_token) as gallery:
        # A second photo would stay PENDING, and the public list has only READY ones.
        own = gallery.request("GET", "/me/photos", params={"limit": "100"}).json()["photos"]
        assert [each["title"] for each in own].count("slow") == 1


@pytest.mark.parametrize(
    ("deleted", "outcome"), [(False, "older"), (True, "There is no photo with this id.")]
)
def test_photo_that_the_newest_page_does_not_list_is_not_awaited_for_ever(
    browser: Browser, url: str, *, deleted: bool, outcome: str
):
    """It is older than 50 others, or was deleted before it was listed."""
    wanted = "01900000-0000-7000-8000-000000000000"
    newer = {"photo_id": wanted.replace("0190", "0191", 1), "title": "newer"}
    older = {"photo_id": wanted, "title": "older"}

    def answer(route: Route) -> None:
        if "/photos?" not in route.request.url:
            return route.fulfill(status=404, json={"detail": "There is no photo with this id."})
        if deleted or "cursor" in route.request.url:
            return route.fulfill(json={"photos": [] if deleted else [older], "cursor": None})
        return route.fulfill(json={"photos": [newer], "cursor": "next"})

    with visit(browser, url, expected=("status of 404",)) as page:
        page.goto("/photo.html?id=none")
        page.route("**/api/photos**", answer)
        listed = """async (id) => {
          const { untilListed } = await pageModule("listed.js");
          return untilListed(id).then(({ title }) => title, ({ message }) => message);
        }"""
        assert page.evaluate(listed, wanted) == outcome


def test_tile_requests_one_rendition_while_others_arrive(browser: Browser, url: str, photo_id: str):
    requested: list[str] = []
    with visit(browser, url) as page:
        page.on("request", lambda request: requested.append(urlsplit(request.url).path))
        page.goto("/")
        expect(tile(page, photo_id)).to_contain_class("loaded")
        page.evaluate(
            """async (id) => {
              const { addPhotos } = await pageModule("grid.js");
              const photo = await fetch(`/api/photos/${id}`).then((answer) => answer.json());
              for (let number = 0; number < 9; number += 1) {
                const id = `09999999-0000-7000-8000-00000000000${number}`;
                addPhotos([{ ...photo, photo_id: id, width: 100 + 90 * number, height: 300 }]);
                await new Promise(requestAnimationFrame);
              }
            }""",
            photo_id,
        )
        expect(page.locator("#grid li")).not_to_have_count(1)
        page.wait_for_load_state("networkidle")
    own = [path for path in requested if path.startswith(f"/photos/{photo_id}/")]
    assert len(own) == len(set(own)), own


@pytest.mark.usefixtures("stack")
def test_dot_in_the_picture_has_the_color_of_its_flow_when_it_appears(browser: Browser, url: str):
    with visit(browser, url) as page:
        page.goto("/")
        fill, color = page.evaluate(DOT)
        assert fill == color


@pytest.mark.usefixtures("stack")
def test_sign_in_at_an_earlier_deployment_says_to_reload(browser: Browser, url: str):
    with visit(browser, url, expected=("status of 400",)) as page:

        def without_the_client(route: Route) -> None:
            body = (route.request.post_data_json or {}) | {"ClientId": "earlier"}
            route.continue_(post_data=json.dumps(body))

        page.goto("/")
        page.route(page.evaluate(SIGN_IN_URL), without_the_client)
        page.locator("#sign-in").click()
        dialog = page.locator("#sign-in-dialog")
        dialog.get_by_label("User name").fill(USER)
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in").click()
        problem = "The gallery was deployed again. Reload the page."
        expect(dialog.get_by_role("alert")).to_have_text(problem)


@pytest.mark.usefixtures("stack")
def test_rows_are_kept_after_a_release_of_the_page_but_not_in_another_stack(
    browser: Browser, url: str
):
    with visit(browser, url) as page:
        page.goto("/")
        page.evaluate(COMPLETE)
        row = page.locator("#journeys li", has_text="remembered")
        script = page.locator("script[type=module]").get_attribute("src") or ""
        folder, other = script.split("/")[2], "of-another-release"

        def reload(found: str, replacement: str) -> None:
            def answer(route: Route) -> None:
                response = route.fetch()
                assert found in response.text()
                route.fulfill(response=response, body=response.text().replace(found, replacement))

            page.route(f"{url}/", answer)
            page.reload()

        def same_file(route: Route) -> None:
            route.continue_(url=route.request.url.replace(other, folder))

        page.route(f"**/{other}/**", same_file)
        reload(folder, other)
        assert other in (page.locator("script[type=module]").get_attribute("src") or "")
        expect(row).to_have_attribute("data-state", "complete")
        reload('"user_pool_client_id": "', '"user_pool_client_id": "of-another-stack-')
        page.evaluate("pageModule('journeys.js')")  # once the page shows the rows
        expect(row).to_have_count(0)


@pytest.mark.parametrize("stored", ["[]", "null", "{", '{"form": 999, "journeys": [{}]}'])
@pytest.mark.usefixtures("stack")
def test_rows_of_another_form_are_dropped_in_silence(browser: Browser, url: str, stored: str):
    with visit(browser, url) as page:
        page.goto("/")
        page.evaluate("(text) => sessionStorage.setItem('gallery.journeys', text)", stored)
        page.reload()
        page.evaluate(COMPLETE)
        page.reload()
        row = page.locator("#journeys li", has_text="remembered")
        expect(row).to_have_attribute("data-state", "complete")


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
            {"name": "awaited.jpg", "mimeType": "image/jpeg", "buffer": jpeg(240, 320)}
        )
        row = page.locator("#journeys li", has_text="awaited")
        expect(row).to_contain_text(sentence)
        expect(row).to_have_attribute("data-state", "uploaded")
        expect(page.locator("#notice")).to_have_text(sentence)
        expect(page.locator("#notice")).to_be_in_viewport()
        page.unroute("**/api/photos/*")
        expect(row).to_have_attribute("data-state", "complete")
        expect(row).not_to_contain_text("cannot be reached")
        expect(page.locator("#notice")).to_have_text("")
