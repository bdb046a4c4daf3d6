"""What template.yaml declares under Environment."""

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Names of the tables and buckets, and the URL of the queue, that the report uses."""

    photos_table: str
    catalog_table: str
    views_table: str
    idempotency_table: str
    uploads_bucket: str
    media_bucket: str
    reports_bucket: str
    failed_batches_bucket: str
    failed_events_queue: str
