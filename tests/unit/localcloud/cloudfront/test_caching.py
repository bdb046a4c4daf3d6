"""What localcloud's CloudFront caches, for how long, and under which key."""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate

import pytest

from localcloud.cloudfront.behaviours import CachePolicy, RequestPolicy, Selection
from localcloud.cloudfront.caching import (
    Cache,
    Cached,
    StaleLimits,
    cache_key,
    cache_tags,
    lifetime,
    selected_cookies,
    selected_query,
    stale_limits,
)
from localcloud.cloudfront.messages import Request, Response
from tests.support.distributions import BY_ID, DISABLED, OPTIMIZED

NOW = 1_800_000_000.0
FROM_0 = CachePolicy(0, 100, 1_000)
FROM_10 = CachePolicy(10, 100, 1_000)


def answer(cache_control: str | None = None, status: int = 200, **others: str) -> Response:
    headers = [("Cache-Control", cache_control)] if cache_control is not None else []
    return Response(status, (*headers, *others.items()))


def at(path: str, query: str = "", **headers: str) -> Request:
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request("GET", path, query, given)


@pytest.mark.parametrize(
    ("cache_control", "expected"),
    [
        ("max-age=3", StaleLimits(0, math.inf)),
        ("max-age=3, stale-while-revalidate=5", StaleLimits(NOW + 8, math.inf)),
        ("max-age=3, stale-if-error=60", StaleLimits(0, NOW + 63)),
        ("max-age=3, stale-if-error=0", StaleLimits(0, NOW + 3)),
        (
            "max-age=3, stale-while-revalidate=5000, stale-if-error=5000",
            StaleLimits(NOW + 1_000, NOW + 1_000),
        ),
        ("max-age=3, stale-while-revalidate=soon", StaleLimits(0, math.inf)),
    ],
)
def test_stale_limits_end_with_the_maximum_ttl(cache_control: str, expected: StaleLimits):
    assert stale_limits(answer(cache_control), FROM_0, NOW, 3) == expected


@pytest.mark.parametrize(
    ("cache_control", "from_0", "from_10"),
    [
        (None, 100, 100),
        ("", 100, 100),
        ("public", 100, 100),
        ("max-age=50", 50, 50),
        ("max-age=5", 5, 10),
        ("max-age=5000", 1_000, 1_000),
        ("max-age=0", 0, 10),
        ("max-age=50, s-maxage=70", 70, 70),
        ("s-maxage=0, max-age=50", 0, 10),
        ('MAX-AGE="50"', 50, 50),
        ("max-age=soon", 100, 100),
        ("no-cache", 0, 10),
        ("no-store, max-age=50", 0, 10),
        ("private, max-age=50", 0, 10),
    ],
)
def test_lifetime_by_cache_control(cache_control: str | None, from_0: float, from_10: float):
    assert lifetime(answer(cache_control), FROM_0, {}, NOW) == from_0
    assert lifetime(answer(cache_control), FROM_10, {}, NOW) == from_10


def test_default_ttl_below_the_minimum_ttl_has_no_effect():
    assert lifetime(answer(), CachePolicy(200, 100, 1_000), {}, NOW) == 200


def test_lifetime_by_expires():
    in_50 = formatdate(NOW + 50, usegmt=True)
    assert lifetime(answer(Expires=in_50), FROM_0, {}, NOW) == 50
    assert lifetime(answer("max-age=70", Expires=in_50), FROM_0, {}, NOW) == 70
    assert lifetime(answer(Expires=formatdate(NOW - 50, usegmt=True)), FROM_10, {}, NOW) == 10
    assert lifetime(answer(Expires=formatdate(NOW + 5_000, usegmt=True)), FROM_0, {}, NOW) == 1_000
    assert lifetime(answer(Expires="0"), FROM_0, {}, NOW) == 0


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's time zone is 14 hours ahead."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize("zone", ["", "-0000", "GMT"])
def test_expires_is_utc_in_any_time_zone_of_the_machine(zone: str):
    in_50 = formatdate(NOW + 50, usegmt=True).replace("GMT", zone).strip()
    assert lifetime(answer(Expires=in_50), FROM_0, {}, NOW) == 50


def test_only_errors_are_cached_with_caching_disabled():
    assert lifetime(answer("max-age=50"), DISABLED, {}, NOW) == 0
    assert lifetime(answer(), DISABLED, {}, NOW) == 0
    assert lifetime(answer(status=404), DISABLED, {}, NOW) == 10


def test_response_that_forbids_caching_is_cached_for_the_minimum_ttl():
    assert lifetime(answer("no-store"), OPTIMIZED, {}, NOW) == 1


@pytest.mark.parametrize("status", [404, 410, 414, 500, 501, 502, 503, 504])
def test_error_is_cached_for_ten_seconds_or_as_its_headers_say(status: int):
    assert lifetime(answer(status=status), FROM_0, {}, NOW) == 10
    assert lifetime(answer("max-age=50", status), FROM_0, {}, NOW) == 50
    assert lifetime(answer("max-age=5", status), FROM_0, {}, NOW) == 10
    assert lifetime(answer("max-age=5000", status), FROM_0, {}, NOW) == 1_000
    assert lifetime(answer(status=status), FROM_0, {status: 0}, NOW) == 0
    assert lifetime(answer("max-age=5", status), FROM_0, {status: 0}, NOW) == 5
    assert lifetime(answer(status=status), FROM_0, {status: 30}, NOW) == 30


@pytest.mark.parametrize("status", [404, 410, 414, 501])
def test_error_may_forbid_its_caching(status: int):
    assert lifetime(answer("no-store", status), FROM_0, {}, NOW) == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_error_of_a_broken_origin_may_not_forbid_its_caching(status: int):
    assert lifetime(answer("no-store", status), FROM_0, {}, NOW) == 10


@pytest.mark.parametrize("status", [400, 403, 405, 412, 415])
def test_error_of_the_request_is_cached_only_if_its_headers_say_so(status: int):
    assert lifetime(answer(status=status), FROM_0, {}, NOW) == 0
    assert lifetime(answer("max-age=50", status), FROM_0, {}, NOW) == 50
    assert lifetime(answer("s-maxage=50", status), FROM_0, {}, NOW) == 50


@pytest.mark.parametrize("status", [401, 409, 416, 422, 429])
def test_other_errors_are_not_cached(status: int):
    assert lifetime(answer("max-age=50", status), FROM_0, {}, NOW) == 0


def test_key_has_what_the_policy_names_and_nothing_else():
    policy = CachePolicy(
        0,
        0,
        0,
        RequestPolicy(
            Selection("whitelist", frozenset(["id"])),
            Selection("whitelist", frozenset(["accept-language"])),
            Selection("whitelist", frozenset(["theme"])),
        ),
    )
    asked = at("/a", "id=1&x=2", accept_language="de", accept="*/*", cookie="theme=dark; sid=1")
    same = at("/a", "x=3&id=1", accept_language="de", cookie="sid=2; theme=dark")
    assert cache_key(asked, policy) == cache_key(same, policy)
    for other in (
        at("/b", "id=1", accept_language="de", cookie="theme=dark"),
        at("/a", "id=2", accept_language="de", cookie="theme=dark"),
        at("/a", "id=1", accept_language="en", cookie="theme=dark"),
        at("/a", "id=1", accept_language="de", cookie="theme=light"),
    ):
        assert cache_key(asked, policy) != cache_key(other, policy)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection("none"), ""),
        (Selection("all"), "b=2&a=1&A=3&b=4"),
        (Selection("whitelist", frozenset("b")), "b=2&b=4"),
        (Selection("allExcept", frozenset("b")), "a=1&A=3"),
    ],
)
def test_query_strings_are_taken_by_name_in_the_viewers_order(selection: Selection, expected: str):
    assert selected_query("b=2&a=1&A=3&b=4", selection) == expected
    assert selected_cookies("b=2; a=1;A=3; b=4", selection) == expected.replace("&", "; ")


@pytest.mark.parametrize(
    ("accept_encoding", "encoding"),
    [
        (None, ""),
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5, deflate", "gzip"),
        ("br", ""),
        ("identity", ""),
        ("gzip;q=0, br", ""),
        ("gzip; q=0.000", ""),
    ],
)
def test_accept_encoding_is_normalised_in_the_key(accept_encoding: str | None, encoding: str):
    asked = at("/", accept_encoding=accept_encoding) if accept_encoding else at("/")
    assert cache_key(asked, BY_ID).encoding == encoding
    assert not cache_key(asked, DISABLED).encoding


def cached(size: int = 10) -> Cached:
    return Cached(Response(200, (), b"x" * size), None, 0, 1)


def key(path: str, query: str = ""):
    return cache_key(at(path, query), BY_ID)


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("/photos/1/a.webp", ["/photos/1/a.webp"]),
        ("/photos/1*", ["/photos/1/a.webp", "/photos/1/b.webp"]),
        ("/photos/*", ["/photos/1/a.webp", "/photos/1/b.webp", "/photos/2/a.webp"]),
        ("/photo.html", []),
        ("/photo.html?id=1", ["/photo.html?id=1"]),
        ("/photo.html*", ["/photo.html?id=1", "/photo.html?id=2"]),
        ("/PHOTOS/*", []),
        ("/photos/%31/a.webp", ["/photos/1/a.webp"]),
        ("/pho*os/1/a.webp", []),
    ],
)
def test_invalidation_matches_a_path_with_its_query_string(path: str, gone: list[str]):
    urls = ["/photos/1/a.webp", "/photos/1/b.webp", "/photos/2/a.webp"]
    urls += ["/photo.html?id=1", "/photo.html?id=2"]
    keys = {url: key(*url.partition("?")[::2]) for url in urls}
    cache = Cache(1_000_000)
    for each in keys.values():
        cache.put(each, cached(), cache.invalidations)
    assert cache.invalidate([path]) == len(gone)
    assert [url for url, each in keys.items() if cache.get(each) is None] == gone


def test_invalidation_of_everything():
    cache = Cache(1_000_000)
    cache.put(key("/a"), cached(), 0)
    cache.put(key("/photo.html", "id=1"), cached(), 0)
    assert cache.invalidate(["/*"]) == 2


def test_tags_are_separated_by_commas_and_ignore_case():
    tagged = Response(200, (("X-Tag", " Photo-1,  b:2 ,"), ("x-tag", "c"), ("X-Other", "d")))
    assert cache_tags(tagged, "x-tag") == {"photo-1", "b:2", "c"}
    assert cache_tags(tagged, "x-none") == cache_tags(tagged, None) == set()


def test_only_visible_ascii_characters_make_a_tag_of_at_most_256():
    given = ["a b", "\xfc", "a\x7f", "~" * 257, "~" * 256, "!"]
    assert cache_tags(Response(200, (("x-tag", ",".join(given)),)), "x-tag") == {"~" * 256, "!"}


def test_first_fifty_tags_count():
    given = ",".join(map(str, range(60)))
    tags = cache_tags(Response(200, (("x-tag", given),)), "x-tag")
    assert tags == {str(number) for number in range(50)}


def test_invalidation_of_a_tag_removes_every_object_that_carries_it():
    cache = Cache(1_000_000)
    carried = {"/a": {"one", "both"}, "/b": {"two", "both"}, "/c": set[str](), "/#one": {"*"}}
    for path, tags in carried.items():
        cache.put(key(path), replace(cached(), tags=frozenset(tags)), cache.invalidations)
    assert cache.invalidate(["#on", "#o*", "#", "one"]) == 0
    assert cache.invalidate(["#ONE"]) == 1
    assert cache.get(key("/a")) is None
    assert cache.invalidate(["#both", "/c"]) == 2
    assert cache.get(key("/#one"))


def test_cache_is_bounded_and_removes_the_least_recently_used():
    cache = Cache(10_000)
    for path in ("/a", "/b", "/c"):
        cache.put(key(path), cached(2_000), 0)
    assert cache.get(key("/a"))
    cache.put(key("/d"), cached(2_000), 0)
    assert cache.get(key("/b")) is None
    assert all(cache.get(key(path)) for path in ("/a", "/c", "/d"))
    cache.put(key("/large"), cached(20_000), 0)
    assert cache.get(key("/large")) is None
    assert cache.get(key("/a"))


def test_replaced_object_does_not_count_twice():
    cache = Cache(10_000)
    for _ in range(10):
        cache.put(key("/a"), cached(5_000), 0)
    cache.put(key("/b"), cached(2_000), 0)
    assert cache.get(key("/a"))
    assert cache.get(key("/b"))
