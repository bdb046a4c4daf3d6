"""Uploads, views, reads and deletions while processes are killed at random; docs/chaos.md.

`make chaos SEED=7 UPLOADS=300 VIEWS=30000` chooses a run, and `SEED='7 8 9'` runs several in turn
on the same laptop cloud. The last lines print the command that repeats each run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.client import NOT_FOUND
from random import Random
from typing import Any

import pytest

import demo.client
from demo.application import STACK
from fakes.view_records import totals
from localcloud.cloud import Cloud
from ops.daily_reports import last_reports, number, open_reports
from shared.photos import Status
from tests.chaos.conftest import SUMMARY
from tests.chaos.faults import Injector
from tests.chaos.gallery import Gallery, awaited, running_gallery
from tests.chaos.load import Load
from tests.chaos.plan import KILLS, ApiView, Operation, Plan, PutViews, Upload, UploadKind, plans_of
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port

PLANS = plans_of(OWN_ENVIRONMENT)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    logs = tmp_path_factory.mktemp("chaos")
    with running_gallery(logs, Cloud("127.0.0.1", free_port())) as gallery:
        yield gallery


@pytest.mark.parametrize("run", range(len(PLANS)))
def test_nothing_is_lost_while_processes_are_killed(gallery: Gallery, run: int) -> None:
    plan, ledger = PLANS[run], gallery.ledger
    views_before, photos_before = ledger.views(), set(ledger.photos)
    ledger.clear_answers()
    with gallery.clients(plan.seed) as clients:
        for upload in plan.popular:
            clients[0].do(upload)
        new = ledger.photos - photos_before
        awaited(lambda: new <= {photo["photo_id"] for photo in clients[0].list_photos()})
        load = Load(clients, plan.operations)
        injector = Injector(plan, gallery.ministack, gallery.parts, gallery.outputs, load.progress)
        injector.start()
        try:
            load.run(_more(plan), lambda: injector.is_done)
        finally:
            injector.stop()
    if injector.error:
        raise injector.error
    wrong = gallery.settle()
    SUMMARY.extend(_summarize(plan, gallery, load, injector, ledger.views() - views_before))
    SUMMARY.append(f"losses: {len(wrong) or 'none'}")
    assert not wrong
    assert injector.counts == KILLS, "not every fault was injected"
    assert ledger.unanswered, "every request was answered: no fault had an effect"
    if run == len(PLANS) - 1:  # a stack makes one report a day
        _check_report(gallery)
    _check_pages(gallery)


def _more(plan: Plan) -> Callable[[], Operation]:
    """Further operations, until every fault was injected."""
    chance = Random(plan.seed)  # noqa: S311 - a seed repeats it
    numbers = iter(range(plan.uploads, 10**9))

    def more() -> Operation:
        each = next(numbers)
        kinds: list[Operation] = [Upload(each, UploadKind.KEPT), PutViews(each, 0), ApiView(each)]
        return chance.choice(kinds)

    return more


def _check_report(gallery: Gallery) -> None:
    """The daily report counts what the tables have, and finds nothing wrong."""
    assert "New report" in gallery.command("report")
    source = open_reports(STACK)
    report = last_reports(source, 2, datetime.now(UTC).date())[-1]
    left = gallery.found()
    statuses = Counter(photo.status for photo in left.photos.values())
    counted = {status: number(report, f"photos.{status}") for status in Status}
    assert counted == {status: statuses[status] for status in Status}
    assert number(report, "uploads.count") == len(left.uploads)
    assert number(report, "renditions.count") == len(left.media)
    # Views that were still in the stream when their photo was deleted are counted, not reported.
    reported = [
        row for row in left.views if left.photos[row["photo_id"]["S"]].status is not Status.DELETED
    ]
    assert number(report, "views.total") == sum(totals(reported).values())
    assert number(report, "quarantine.count") == len(left.quarantine)
    assert report["headlines"]["FailedEventsWaiting"] == len(left.quarantine)
    found_wrong = {"Drift", "EventsResent", "PhotosStuck", "OrphansRemoved", "RecordsMalformed"}
    assert not any(report["headlines"][name] for name in found_wrong), report["headlines"]


def _check_pages(gallery: Gallery) -> None:
    """Deleted photos are gone everywhere, CloudFront's cache included; the others are listed."""
    photos = gallery.found().photos.values()
    with demo.client.Gallery(gallery.url) as visitor:
        ready = {photo.photo_id for photo in photos if photo.status is Status.READY}
        # CloudFront keeps lists and photos for some seconds.
        awaited(lambda: {photo["photo_id"] for photo in visitor.photos()} == ready)
        deleted = {photo.photo_id for photo in photos if photo.status is Status.DELETED}
        for photo_id in sorted(deleted):
            for path in (f"/photos/{photo_id}", f"/photos/{photo_id}/views"):
                awaited(lambda p=path: visitor.request("GET", p).status_code == NOT_FOUND)
            if path := gallery.ledger.renditions.get(photo_id):
                awaited(lambda path=path: visitor.fetch(path).status_code == NOT_FOUND)


def _summarize(
    plan: Plan, gallery: Gallery, load: Load, injector: Injector, views: int
) -> Iterator[str]:
    ledger, seconds = gallery.ledger, load.seconds
    answers, unanswered = ledger.answers.total(), ledger.unanswered.total()
    yield f"repeat with: {plan.repeat}"
    yield (
        f"load for {seconds:.0f} s: {answers / seconds:.0f} requests/s"
        f" ({answers:,} answered: {_listed(ledger.answers)})"
    )
    yield (
        f"{views / seconds:.0f} views/s ({views:,} acknowledged);"
        f" in all {len(ledger.photos):,} photos, {len(ledger.deleted):,} of them deleted,"
        f" and {ledger.views():,} views, {ledger.api_views.total():,} of them by the API"
    )
    yield f"{injector.counts.total()} faults: {_listed(injector.counts)}"
    yield f"{unanswered} requests without an answer: {_listed(ledger.unanswered)}"


def _listed(counter: Mapping[Any, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counter.items()))
