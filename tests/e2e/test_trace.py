"""One photo's journey in the logs of the laptop cloud, printed by the operator's command."""

import json

import pytest

from demo.application import STACK
from demo.client import Gallery
from localcloud.event_sources.poller import EventSources
from ops import trace
from shared.photos import Status
from tests.support.gallery_photos import jpeg
from tests.support.waiting import awaited

# The row may be written before the function that changed the photo has said so.
CREATION = {
    ("thumbnailer", "upload_processed"),
    ("catalog_replicator", "photo_replicated"),
}
DELETION = {("gallery_api", "request_answered"), ("catalog_replicator", "photo_replicated")}


@pytest.fixture(scope="module")
def photo_id(gallery: Gallery, event_sources: EventSources) -> str:
    """Created, uploaded, READY, replicated, viewed, deleted; at the same time as another photo."""
    data = jpeg(320, 240)
    created = [gallery.create_photo("Traced", "image/jpeg", len(data)) for _ in range(2)]
    for each in created:
        gallery.upload(each["upload"], data)
    photo_id, neighbour = (str(each["photo"]["photo_id"]) for each in created)
    for each in (photo_id, neighbour):
        assert gallery.settled(each)["status"] == Status.READY
    event_sources.await_drained(120)
    gallery.record_view(photo_id)
    gallery.delete_photo(photo_id)
    event_sources.await_drained(120)
    return photo_id


def test_trace_is_in_order_with_one_id_up_to_the_replica_and_another_for_the_deletion(
    photo_id: str, stack: dict[str, str]
):
    opened = trace.open_logs(STACK)
    assert set(opened.log_groups.values()) >= {
        stack[name] for name in stack if name.endswith("LogGroupName")
    }

    def found() -> trace.Trace | None:
        """Once ministack has put all of it into its logs."""
        found = trace.trace(opened, photo_id)
        return found if len(found.lines) >= 5 else None

    told = awaited(found)
    first, *others = [(line.function, line.message) for line in told.lines]
    assert first == ("gallery_api", "request_answered")
    assert (set(others[:2]), set(others[2:])) == (CREATION, DELETION)
    creation, deletion = (told.lines[at].correlation_id for at in (0, 3))
    assert creation
    assert deletion
    assert creation != deletion
    assert [line.correlation_id for line in told.lines] == [creation] * 3 + [deletion] * 2
    assert told.photo
    assert (told.photo["status"], told.photo["correlation_id"]) == (Status.DELETED, deletion)
    reads = trace.trace(opened, photo_id, reads=True).lines
    assert {line.entry["method"] for line in reads if "method" in line.entry} == {
        "POST",
        "GET",
        "DELETE",
    }


@pytest.mark.usefixtures("stack")
def test_command_prints_a_table_or_lines_for_jq(photo_id: str, capsys: pytest.CaptureFixture[str]):
    capsys.readouterr()
    assert trace.main(["--stack", STACK, photo_id]) == 0
    table = capsys.readouterr().out
    assert "photo_replicated" in table
    assert "The photo is DELETED" in table
    assert trace.main(["--stack", STACK, photo_id, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["photo_id"] for line in lines} == {photo_id}
    assert {line["service"] for line in lines} == {
        "gallery_api",
        "thumbnailer",
        "catalog_replicator",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stack", "nowhere", "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"], "does not exist"),
        (["harbour.jpg"], "'harbour.jpg' is not a photo id"),
        (["019aa1a0-0000-7000-8000-000000000000"], "has no log lines about photo"),
    ],
)
@pytest.mark.usefixtures("stack")
def test_photo_that_cannot_be_traced_is_reported_without_a_traceback(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
):
    capsys.readouterr()
    assert trace.main(["--stack", STACK, *arguments]) == 1
    output = capsys.readouterr().out
    assert words in output
    assert "Traceback" not in output
