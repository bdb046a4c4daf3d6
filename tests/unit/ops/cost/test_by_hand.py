"""A month of a small gallery: every sum computed by hand, compared with the tool."""

import pytest

from ops.cost.prices import load_prices
from ops.cost.usage import bill
from tests.unit.ops.cost.small_gallery import STACK, figures, small_gallery

S = 2_628_000  # seconds of a month of 730 hours
CPU = 1769 / 512  # how much longer half a gigabyte takes than a whole core

# Requests per second: create a photo; list; get a photo; send a view; get the views after 3.5 s.
# Each upload polls its photo 6 times, lists twice, sends a view of its own and polls
# the views 6 times.
REQUESTS = 0.01 + (0.1 + 0.02) + (1 + 0.06) + 1.01 + (1 + 0.06)

# Two caches keep an answer for a second. Each of a million photos is requested so rarely that none
# of its answers is reused. Each cache has 0.05 of the first lists a second, and fetches one after
# a second and the mean wait of 20 s.
FETCHED_LISTS = 2 / (1 + 1 / 0.05)
API = REQUESTS - 0.1 + FETCHED_LISTS

# 3 ms CPU and 8 ms wait; 12 ms CPU of a new photo; 5 ms CPU and 11 ms wait of a view.
OTHERS = API - 1.01 - 0.01
API_MS = ((3 * OTHERS + 12 * 0.01 + 5 * 1.01) * CPU + 8 * (API - 1.01) + 11 * 1.01) / API

# Half of the visitors have nothing yet: 17 files of the gallery, 12 of a photo's page. The others
# request only the page itself.
FILES = 0.1 * (1 + 0.5 * 16) + 1 + 0.5 * 11

# Two batches run in parallel, each with half of the 1.01 views per second: one view, and those in
# the window of 1 s and in the 27 ms of a batch: (8 µs x 1.52 + 2 ms) x 3.455 + 20 ms.
BATCH_SECONDS = (0.000008 * 1.5186 + 0.002) * CPU + 0.020
BATCHES = 1.01 / (1 + 0.505 * (1 + BATCH_SECONDS))

# A day's report: 100,000 photos of 1 ms CPU and 0.1 ms wait, and the rows of a million viewed
# photos, a total and 2.6 minutes, of 1 and 2 µs: 375 s, so 11 steps of at most 35 s.
REPORT_SECONDS = 100_000 * (CPU + 0.1) / 1e3 + 1e6 * (1 + 43_200 * 6.06e-5) * (CPU + 2) / 1e6
STEPS = 11 * 30.4167

# Rows of views kept: a total of 174 bytes for each of a million photos, and of the 43,200 minutes
# of 30 days those in which a photo was seen (6.06 in 100,000), at 105 + 48 bytes.
VIEWS_GB = 1e6 * (174 + 43_200 * 6.06e-5 * 153) / 1e9

# What CloudFront must fetch: a tenth of the files but photo pages, half of the photo pages, a tenth
# of the images.
MISSES = 0.1 * (FILES - 1) + 0.5 * 1 + 0.1 * (0.1 * 20 + 1)

BY_HAND = {
    "API Gateway": API * S / 1e6 * 3.50,
    "Lambda": (
        # Requests.
        (API + BATCHES + 0.02 + 0.01) * S / 1e6 * 0.20
        # The API runs on its two warm environments, half a gigabyte.
        + API * S * 0.5 * API_MS / 1000 * 0.0000077778
        + 2 * 0.5 * S * 0.0000033334
        # Everything else: thumbnailer, view_counter, catalog_replicator, daily_report.
        + 0.01 * S * (1769 / 1024) * 0.540 * 0.0000133334
        + BATCHES * S * 0.5 * BATCH_SECONDS * 0.0000133334
        + 0.02 * S * 0.5 * (0.002 * CPU + 0.005) * 0.0000133334
        + STEPS * 0.5 * REPORT_SECONDS / 11 * 0.0000133334
    ),
    "Lambda@Edge": (
        MISSES * S / 1e6 * 0.60
        + ((MISSES - 0.5) * 0.002 + 0.5 * 0.060) * S * 0.125 * 0.00005001
    ),
    "Kinesis": 730 * 0.015 + 1.01 * S / 1e6 * 0.014,
    "KMS": 2 * 12 * 730 / 10_000 * 0.03,
    "DynamoDB": (
        # Writes. Views: two rows of at most 1 kB each, twice because in a transaction. Photos and
        # their index: created, settled. The catalog and its index: once. The idempotency table:
        # begun, and done with 2.5 kB. The ranking: a new photo gets 101 views, two hexadecimal
        # digits; its entry is put, deleted, and put again.
        (1.01 * 2 * 2 + 0.01 * 3 + 0.02 * 2 + 0.01 * 2 + 0.01 * (1 + 3)) * S / 1e6 * 0.625
        # Reads. Photos: consistent, by API and thumbnailer. A list: 31 items of 700 bytes are 22
        # kB, so 6 blocks, eventually consistent. A view and a missed photo page: half a unit.
        # A poll of the views: half for the photo, half for its rows, which a view reads, too.
        + (1.06 + 0.01 + (FETCHED_LISTS + 0.02) * 3 + (1.01 + 0.5) * 0.5
           + 1.06 * (0.5 + 0.5) + 1.01 * 0.5
           + 1.01 * 2) * S / 1e6 * 0.125  # the counter reads each total before it writes it
        # The daily report: two reads for each photo, and each table once.
        + (2 * 100_000 * 0.5 + (0.28e9 + VIEWS_GB * 1e9) / 4096 * 0.5) * 30.4167 / 1e6 * 0.125
        + (0.14 + 0.14 + VIEWS_GB + 1e6 * 77 / 1e9) * 0.25
        + (0.07 + 0.07 + VIEWS_GB) * 0.20
    ),
    "S3": (
        # 400 GB of originals, of which 864 a day x 30 days x 4 MB are young.
        103.68 * 0.023
        + (400 - 103.68) * 0.004
        + 30 * 0.023
        + 0.01 * S / 1000 * 0.02
        # POST, three renditions, one list; and 405 lists a day for the report.
        + 5 * 0.01 * S / 1000 * 0.005
        + 405 * 30.4167 / 1000 * 0.005
        + (0.01 + MISSES) * S / 1000 * 0.0004
    ),
    "CloudFront": (
        # Half of the visitors have nothing yet: 30 kB a visit, 18 kB a photo page. 20 tiles of 50
        # kB a visit, 200 kB a view. Lists are 6 kB, answers to views 3 kB, others 800 bytes.
        (0.5 * (0.1 * 30_000 + 18_000) + 0.1 * 20 * 50_000 + 200_000 + 0.12 * 6000
         + 1.01 * 3000 + (REQUESTS - 0.12 - 1.01) * 800) * S / 1e9 * 0.085
        + (FILES + 3 + REQUESTS) * S / 10_000 * 0.01
        + API * 900 * S / 1e9 * 0.02
    ),
    "Cognito": 1000 * 0.015,
    "CloudWatch": (
        (API + BATCHES + 0.03) * 1400 * S / 1e9 * 0.50
        + (API + BATCHES + 0.03) * 1400 * 86_400 * 90 * 0.15 / 1e9 * 0.03
        + (9 + 8 / 24) * 0.30
        + 5 * 0.10
    ),
    # One trace a second, and 5 % of the API's others.
    "X-Ray": (1 + 0.05 * (API - 1) + BATCHES + 0.02 + 0.01) * S / 1e6 * 5,
    "Step Functions": (2 * STEPS + 2 * 30.4167) / 1000 * 0.025,
}  # fmt: skip


def test_a_month_of_the_small_gallery_equals_the_sums_by_hand():
    prices = load_prices()
    found = bill(small_gallery(), STACK, figures(), prices)
    by_service = found.by_service(prices)
    assert {name: by_service[name] for name in BY_HAND} == pytest.approx(BY_HAND, rel=1e-3)
    rest = {name: usd for name, usd in by_service.items() if name not in BY_HAND}
    assert rest == {"Scheduler": pytest.approx(30.4167 / 1e6, rel=1e-3)}
    assert found.usd == pytest.approx(sum(BY_HAND.values()), rel=1e-3)


def test_the_free_tier_is_taken_off_once_for_all_functions():
    prices = load_prices()
    paid = bill(small_gallery(), STACK, figures(), prices)
    free = bill(small_gallery(), STACK, figures(), prices, free_tier=True)
    saved = {
        meter: sum(line.usd for line in paid.lines if line.meter == meter)
        - sum(line.usd for line in free.lines if line.meter == meter)
        for meter in {line.meter for line in paid.lines}
    }
    assert saved["lambda_requests"] == pytest.approx(0.20)
    assert saved["cloudfront_requests"] == pytest.approx(10.0)
    assert saved["cognito_essentials"] == pytest.approx(15.0)  # 1,000 of 10,000 users
    assert saved["lambda_provisioned_arm64"] == 0
    assert saved["kinesis_shards"] == 0
