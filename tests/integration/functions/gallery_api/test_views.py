import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import force_setattr

from shared.dynamodb import to_item
from shared.photos import Status
from shared.view_rows import SUFFIXES, TOTALS, pack_minutes
from tests.integration.functions.gallery_api.conftest import Publish, Recorded
from tests.support.faults import once, raising
from tests.support.gallery_api import Answer, Api, assert_problem, put
from tests.support.moto_stack import MotoStack

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
NO_IDS = ["1", "me", "019AA1A0-5E3C-7D11-8A7B-3F2C9D4E5F60", "%00"]


def view(api: Api, photo_id: str) -> Answer:
    return api.call("record_view", path=f"/photos/{photo_id}/views")


def ask(api: Api, photo_id: str) -> Answer:
    return api.call("get_views", path=f"/photos/{photo_id}/views")


def test_view_is_one_record_under_the_photos_own_key(
    api: Api, publish: Publish, recorded: Recorded
):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    photo = publish()
    answer = view(api, photo.photo_id)
    assert answer.status == 202
    [record] = recorded()
    assert record["PartitionKey"] == photo.photo_id
    data = json.loads(record["Data"])
    assert list(answer.body) == ["photo_id", "viewed_at", "views"]
    assert answer.body.items() > data.items()
    assert data.keys() == {"photo_id", "viewed_at"}
    assert data["photo_id"] == photo.photo_id
    assert data["viewed_at"].endswith("Z")
    assert before <= datetime.fromisoformat(data["viewed_at"]) <= datetime.now(UTC)


def forwarded(*hops: str) -> dict[str, list[str]]:
    return {"X-Forwarded-For": [", ".join(hops)]}


@pytest.fixture
def behind_cloudfront(api: Api) -> Iterator[None]:
    """The settings of a stack with a page that leaves repeated views out; the day is DAY."""
    changed: dict[str, Any] = {
        "settings": msgspec.structs.replace(
            api.resources.settings, api_callers="cloudfront", repeated_views="left-out"
        ),
        "pseudonyms": msgspec.structs.replace(
            api.resources.pseudonyms, clock=lambda: DAY, day="", salt=b""
        ),
    }
    before = {name: getattr(api.resources, name) for name in changed}
    for name, value in changed.items():
        force_setattr(api.resources, name, value)
    yield
    for name, value in before.items():
        force_setattr(api.resources, name, value)


@pytest.mark.usefixtures("behind_cloudfront")
def test_view_has_a_pseudonym_of_its_viewer_if_repeats_are_left_out(
    stack: MotoStack, api: Api, publish: Publish, recorded: Recorded
):
    photo_id = publish().photo_id
    for viewer in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        headers = forwarded("203.0.113.9", viewer)
        answer = api.call(
            "record_view", path=f"/photos/{photo_id}/views", multiValueHeaders=headers
        )
        assert answer.body.keys() == {"photo_id", "viewed_at", "views"}
    records = [record["Data"] for record in recorded()]
    first, second, again = (json.loads(each)["viewer"] for each in records)
    assert first == again != second
    assert not any(b"192.0.2" in each for each in map(bytes, records))
    [salt] = stack.dynamodb.scan(TableName=stack.names["IdempotencyTable"])["Items"]
    assert salt["id"]["S"] == f"viewer-salt#{DAY.date()}"


@pytest.mark.usefixtures("behind_cloudfront")
def test_address_of_the_viewer_is_in_the_log_of_requests(api: Api, publish: Publish):
    photo_id = publish().photo_id
    headers = forwarded("203.0.113.9", "192.0.2.7")
    api.call("record_view", path=f"/photos/{photo_id}/views", multiValueHeaders=headers)
    assert api.logged()[-1]["viewer_address"] == "192.0.2.7"


def test_each_view_is_a_record_of_its_own(api: Api, publish: Publish, recorded: Recorded):
    photo = publish()
    for _ in range(3):
        view(api, photo.photo_id)
    assert len(recorded()) == 3


def test_view_of_an_unknown_photo_is_not_found_and_not_recorded(api: Api, recorded: Recorded):
    assert_problem(api.call("record_view"), 404)
    assert recorded() == []


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED, Status.DELETED])
def test_only_views_of_listed_photos_are_recorded(
    api: Api, publish: Publish, recorded: Recorded, status: Status
):
    assert_problem(view(api, publish(status=status).photo_id), 404)
    assert recorded() == []


def test_photo_that_is_not_replicated_yet_has_no_views(
    stack: MotoStack, api: Api, recorded: Recorded
):
    assert_problem(view(api, put(stack).photo_id), 404)
    assert recorded() == []


@pytest.mark.parametrize("photo_id", NO_IDS)
@pytest.mark.parametrize("call", [view, ask])
def test_invalid_id_is_not_found_without_a_call(
    api: Api, monkeypatch: pytest.MonkeyPatch, call: Any, photo_id: str
):
    monkeypatch.setattr(api.resources.dynamodb, "_make_api_call", pytest.fail)
    monkeypatch.setattr(api.resources.kinesis, "_make_api_call", pytest.fail)
    assert_problem(call(api, photo_id), 404)


@pytest.mark.parametrize("name", ["record_view", "get_views"])
def test_check_of_the_photo_costs_half_a_read_unit(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str
):
    requested: dict[str, Any] = {}
    monkeypatch.setattr(
        api.resources.dynamodb, "get_item", lambda **request: requested.update(request) or {}
    )
    api.call(name)
    assert requested["TableName"]
    assert "ConsistentRead" not in requested


def kinesis_refusal(code: str, status: int) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    error = {"Code": code, "Message": "stream gallery-views-1234"}
    return ClientError({"Error": error, "ResponseMetadata": metadata}, "PutRecord")


@pytest.mark.parametrize(
    "fault",
    [
        kinesis_refusal("KMSThrottlingException", 400),
        kinesis_refusal("InternalFailure", 500),
        ReadTimeoutError(endpoint_url="https://kinesis"),
        ConnectTimeoutError(endpoint_url="https://kinesis"),
    ],
    ids=["key throttled", "outage", "hangs", "unreachable"],
)
def test_view_that_the_stream_refuses_is_answered_503(
    api: Api, publish: Publish, recorded: Recorded, fault: Exception
):
    photo = publish()
    with once(api.resources.kinesis, "before-call.kinesis.PutRecord", raising(fault)):
        answer = view(api, photo.photo_id)
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]
    assert "1234" not in str(answer.body)
    assert recorded() == []


def shard_is_full(api: Api) -> Exception:
    refused = kinesis_refusal("ProvisionedThroughputExceededException", 400)
    response: Any = refused.response
    return api.resources.kinesis.exceptions.ProvisionedThroughputExceededException(
        response, "PutRecord"
    )


@pytest.fixture(autouse=True)
def no_recent_totals(api: Api) -> None:
    """Clear what the execution environment has cached in earlier tests."""
    api.resources.recent_totals.found.clear()
    api.resources.recent_totals.paused_until = datetime.min.replace(tzinfo=UTC)


@pytest.fixture
def no_hot_photos(api: Api) -> Iterator[None]:
    yield
    api.resources.hot_photos.until.clear()


@pytest.mark.usefixtures("no_hot_photos")
def test_view_whose_shard_is_full_and_the_next_ones_get_other_keys_of_the_photo(
    api: Api, publish: Publish, recorded: Recorded
):
    photo, other = publish(), publish(photo_id="019aa1a0-0000-7d11-8a7b-3f2c9d4e5f60")
    with once(api.resources.kinesis, "before-call.kinesis.PutRecord", raising(shard_is_full(api))):
        assert view(api, photo.photo_id).status == 202
    assert [line["message"] for line in api.logged()] == ["views_spread", "request_answered"]
    assert view(api, photo.photo_id).status == 202
    assert view(api, other.photo_id).status == 202
    first, second, third = (record["PartitionKey"] for record in recorded())
    assert {first, second} <= {f"{photo.photo_id}{suffix}" for suffix in SUFFIXES[1:]}
    assert third == other.photo_id


@pytest.mark.usefixtures("no_hot_photos")
def test_view_that_two_shards_refuse_is_answered_503(
    api: Api, publish: Publish, recorded: Recorded
):
    photo = publish()
    tries: list[object] = []

    def refuse(**_: object) -> None:
        tries.append(1)
        raise shard_is_full(api)

    hooks = api.resources.kinesis.meta.events
    hooks.register("before-call.kinesis.PutRecord", refuse)
    try:
        answer = view(api, photo.photo_id)
    finally:
        hooks.unregister("before-call.kinesis.PutRecord", refuse)
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == ["1"]
    assert (len(tries), recorded()) == (2, [])


def test_permanent_refusal_is_answered_500(api: Api, publish: Publish):
    photo = publish()
    denied = raising(kinesis_refusal("AccessDeniedException", 400))
    with once(api.resources.kinesis, "before-call.kinesis.PutRecord", denied):
        assert_problem(view(api, photo.photo_id), 500)


def test_view_whose_answer_was_lost_is_not_recorded_twice(
    api: Api, publish: Publish, recorded: Recorded
):
    photo = publish()
    tries: list[object] = []
    hooks = api.resources.kinesis.meta.events
    lost = ReadTimeoutError(endpoint_url="https://kinesis")
    hooks.register("before-send.kinesis.PutRecord", lambda **_: tries.append(1))
    with once(api.resources.kinesis, "after-call.kinesis.PutRecord", raising(lost)):
        assert_problem(view(api, photo.photo_id), 503)
    assert api.resources.kinesis.meta.config.retries["total_max_attempts"] == 1
    assert len(tries) == len(recorded()) == 1


def count(stack: MotoStack, photo_id: str, period: str, views: int, **more: object) -> None:
    row = {"photo_id": photo_id, "period": period, "views": views, **more}
    stack.dynamodb.put_item(TableName=stack.names["ViewsTable"], Item=to_item(row))


@pytest.fixture
def now(api: Api) -> Iterator[datetime]:
    """The time of the request."""
    moment = datetime(2026, 11, 20, 13, 33, 59, 999_999, tzinfo=UTC)
    real = api.resources.clock
    force_setattr(api.resources, "clock", lambda: moment)
    yield moment
    force_setattr(api.resources, "clock", real)


def test_answer_has_the_total_and_the_last_60_minutes(stack: MotoStack, api: Api, now: datetime):
    photo = put(stack)
    other = "019aa1a0-0000-7d11-8a7b-3f2c9d4e5f60"
    counted_at = "2026-11-20T13:33:58.123Z"
    minute = int(now.timestamp()) // 60
    own = pack_minutes({minute - 60: 100, minute - 59: 3, minute: 1, minute + 1: 100})
    count(stack, photo.photo_id, "total", 1000, counted_at="2026-11-20T13:00:00Z", recent=own)
    spread = {"counted_at": counted_at, "recent": pack_minutes({minute: 4})}
    count(stack, photo.photo_id, "total#f", 234, last_sequence="0" * 56, **spread)
    count(stack, photo.photo_id, "minute#2026-11-20T13:32Z", 100)
    count(stack, other, "total", 7, recent=own)

    answer = ask(api, photo.photo_id)

    assert answer.status == 200
    assert list(answer.body) == ["photo_id", "total", "counted_at", "minutes"]
    assert answer.body["photo_id"] == photo.photo_id
    assert (answer.body["total"], answer.body["counted_at"]) == (1234, counted_at)
    minutes = answer.body["minutes"]
    assert [each["minute"] for each in minutes] == [
        f"{now - timedelta(minutes=age):%Y-%m-%dT%H:%MZ}" for age in reversed(range(60))
    ]
    seen = [(each["minute"], each["views"]) for each in minutes if each["views"]]
    assert seen == [("2026-11-20T12:34Z", 3), ("2026-11-20T13:33Z", 5)]


def test_answer_to_a_view_has_the_counts_as_they_are_read_after_it(
    stack: MotoStack, api: Api, publish: Publish, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    photo_id = publish().photo_id
    minute = int(now.timestamp()) // 60
    counted_at = "2026-11-20T13:33:58.123Z"
    recent = pack_minutes({minute: 3})
    count(stack, photo_id, "total", 1000, counted_at=counted_at, recent=recent)
    count(stack, photo_id, "total#f", 234, counted_at="2026-11-20T13:00:00Z")
    calls: list[str] = []
    for client in (api.resources.dynamodb, api.resources.counts_dynamodb, api.resources.kinesis):
        api_call = client._make_api_call

        def note(operation: str, request: Any, api_call: Any = api_call) -> Any:
            calls.append(operation)
            return api_call(operation, request)

        monkeypatch.setattr(client, "_make_api_call", note)
    answer = view(api, photo_id)
    assert calls == ["GetItem", "PutRecord", "Query"]
    assert (answer.status, answer.headers["Cache-Control"]) == (202, ["no-store"])
    assert answer.body["views"] == ask(api, photo_id).body
    assert (answer.body["views"]["total"], answer.body["views"]["counted_at"]) == (1234, counted_at)


@pytest.mark.parametrize(
    "fault",
    [
        kinesis_refusal("ProvisionedThroughputExceededException", 400),
        kinesis_refusal("AccessDeniedException", 400),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
    ],
    ids=["throttled", "denied", "hangs"],
)
def test_view_is_accepted_once_and_without_counts_if_they_cannot_be_read(
    api: Api, publish: Publish, recorded: Recorded, fault: Exception
):
    photo, other = publish(), publish(photo_id="019aa1a0-0000-7d11-8a7b-3f2c9d4e5f60")
    with once(api.resources.counts_dynamodb, "before-call.dynamodb.Query", raising(fault)):
        answers = [view(api, each.photo_id) for each in (photo, photo, other)]
    assert [answer.status for answer in answers] == [202] * 3
    assert [answer.body["views"] for answer in answers] == [None] * 3
    assert len(recorded()) == 3
    [unread] = [line for line in api.logged() if line["message"] == "view_counts_unread"]
    assert (unread["level"], unread["photo_id"]) == ("WARNING", photo.photo_id)
    assert type(fault).__name__ in unread["exception_name"]


def test_view_is_accepted_if_the_counts_are_not_as_expected(
    stack: MotoStack, api: Api, publish: Publish, recorded: Recorded
):
    photo_id = publish().photo_id
    row = {"photo_id": photo_id, "period": "total", "views": 1, "recent": "not a minute"}
    stack.dynamodb.put_item(TableName=stack.names["ViewsTable"], Item=to_item(row))
    answer = view(api, photo_id)
    assert (answer.status, answer.body["views"], len(recorded())) == (202, None, 1)


def test_photo_without_views_has_zeros(api: Api, publish: Publish):
    answer = ask(api, publish().photo_id)
    assert answer.status == 200
    assert (answer.body["total"], answer.body["counted_at"]) == (0, None)
    assert [each["views"] for each in answer.body["minutes"]] == [0] * 60


def test_views_of_an_unknown_photo_are_not_found(api: Api):
    assert_problem(api.call("get_views"), 404)


def test_views_of_a_deleted_photo_are_not_found(stack: MotoStack, api: Api, publish: Publish):
    photo = publish()
    count(stack, photo.photo_id, "total", 7)
    assert ask(api, photo.photo_id).status == 200
    put(stack, photo_id=photo.photo_id, status=Status.DELETED)
    assert_problem(ask(api, photo.photo_id), 404)


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
def test_photo_that_is_not_ready_has_zeros(stack: MotoStack, api: Api, status: Status):
    answer = ask(api, put(stack, status=status).photo_id)
    assert (answer.status, answer.body["total"]) == (200, 0)


def test_totals_of_all_keys_are_read_by_one_query(
    stack: MotoStack, api: Api, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    photo = put(stack)
    for total in TOTALS:
        recent = pack_minutes(dict.fromkeys(range(int(now.timestamp()) // 60 - 60, 30_000_000), 7))
        count(stack, photo.photo_id, total, 10**9, recent=recent[:900])
    asked: list[object] = []
    query = api.resources.dynamodb.query
    monkeypatch.setattr(
        api.resources.dynamodb, "query", lambda **request: asked.append(1) or query(**request)
    )
    assert ask(api, photo.photo_id).body["total"] == 17 * 10**9
    assert len(asked) == 1


@pytest.mark.parametrize("call", ["GetItem", "Query"])
def test_outage_of_a_table_is_answered_503(api: Api, publish: Publish, call: str):
    photo = publish()
    outage = raising(ReadTimeoutError(endpoint_url="https://dynamodb"))
    with once(api.resources.dynamodb, f"before-call.dynamodb.{call}", outage):
        assert_problem(ask(api, photo.photo_id), 503)


def test_view_and_its_count_are_logged_with_the_photo(api: Api, publish: Publish):
    photo = publish()
    view(api, photo.photo_id)
    ask(api, photo.photo_id)
    assert [line["photo_id"] for line in api.logged()] == [photo.photo_id] * 2


def test_share_of_reads_and_views_that_is_not_logged_is_without_errors_and_changes(
    api: Api, publish: Publish, request: pytest.FixtureRequest
):
    photo = publish()
    before = api.resources.settings
    force_setattr(api.resources, "settings", msgspec.structs.replace(before, logged_fraction=0.0))
    request.addfinalizer(lambda: force_setattr(api.resources, "settings", before))
    view(api, photo.photo_id)
    ask(api, photo.photo_id)
    assert api.logged() == []
    assert_problem(api.call("record_view", path="/photos/unknown/views"), 404)
    assert [line["message"] for line in api.logged()] == ["request_rejected", "request_answered"]
    api.call("create_photo")
    assert api.logged()[-1]["message"] == "request_answered"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100
)
@given(
    name=st.sampled_from(["record_view", "get_views"]),
    path=st.text().map(lambda text: f"/photos/{text}/views"),
)
def test_any_path_is_answered_by_a_problem(api: Api, name: str, path: str):
    assert_problem(api.call(name, path=path), 404)
