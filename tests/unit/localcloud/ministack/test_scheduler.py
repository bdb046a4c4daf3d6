from datetime import UTC, datetime

from localcloud.ministack.scheduler import with_context

ARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/daily"


def test_context_attributes_of_an_input_are_filled_in():
    text = (
        '{"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>",'
        ' "id": "<aws.scheduler.execution-id>", "attempt": <aws.scheduler.attempt-number>}'
    )
    invoked_at = datetime(2026, 11, 20, 23, 58, 9, 70_000, tzinfo=UTC).timestamp()
    assert with_context(text, ARN, invoked_at, "d32c5kddcf5bb8c3") == (
        f'{{"at": "2026-11-20T23:58:00Z", "by": "{ARN}", "id": "d32c5kddcf5bb8c3", "attempt": 1}}'
    )


def test_input_without_context_attributes_is_unchanged():
    text = '{"scheduled_at": "<aws.events.event>", "total": "2 < 3"}'
    assert with_context(text, ARN, 0.0, "d32c5kddcf5bb8c3") == text
