"""Deletions by TTL as DynamoDB makes them; runs inside ministack's process.

ministack deletes expired items once a minute. It writes no stream record of it, and ignores the
TimeToLiveSpecification of a stack's table.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
"""

import contextvars
import threading
from collections.abc import Mapping
from typing import Any, Final

from localcloud.ministack.stack_resources import extend

_REAPER: Final = "dynamodb-ttl-reaper"
_expired: Final = contextvars.ContextVar("expired", default=False)


def install() -> None:
    """Wrap the functions of ministack that delete items and that create a stack's table."""
    from ministack.services import dynamodb  # noqa: PLC0415 - not in the development environment

    _write_stream_records(dynamodb)
    _enable_for_tables_of_stacks(dynamodb)


def _write_stream_records(dynamodb: Any) -> None:
    from ministack.core.responses import request_scope  # noqa: PLC0415

    remove_item = dynamodb._remove_item  # noqa: SLF001
    build_record = dynamodb._build_change_record  # noqa: SLF001
    to_kinesis = dynamodb._fan_out_to_kinesis  # noqa: SLF001

    def remove_and_record(table: dict[str, Any], partition: Any, sort: Any) -> Any:
        item = table["items"].get(partition, {}).get(sort)
        removed = remove_item(table, partition, sort)
        if item is not None and threading.current_thread().name == _REAPER:
            _, _, _, region, account, _ = table["TableArn"].split(":", 5)
            token = _expired.set(True)
            try:
                with request_scope(account, region):
                    dynamodb._emit_stream_event(table["TableName"], "REMOVE", item, None)  # noqa: SLF001
            finally:
                _expired.reset(token)
        return removed

    def build_with_identity(*arguments: Any) -> Any:
        record = build_record(*arguments)
        if _expired.get():  # with the names that GetRecords has
            record["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
        return record

    def to_kinesis_with_identity(table: str, record: dict[str, Any]) -> Any:
        if identity := record.get("userIdentity"):
            names = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
            record = {**record, "userIdentity": names}
        return to_kinesis(table, record)

    dynamodb._remove_item = remove_and_record  # noqa: SLF001
    dynamodb._build_change_record = build_with_identity  # noqa: SLF001
    dynamodb._fan_out_to_kinesis = to_kinesis_with_identity  # noqa: SLF001


def _enable_for_tables_of_stacks(dynamodb: Any) -> None:
    def set_time_to_live(table: str, properties: Mapping[str, Any]) -> None:
        given = properties.get("TimeToLiveSpecification")
        if given:
            enabled = str(given.get("Enabled", False)).lower() == "true"
            specification = {"AttributeName": given["AttributeName"], "Enabled": enabled}
            dynamodb._update_ttl(  # noqa: SLF001
                {"TableName": table, "TimeToLiveSpecification": specification}
            )
        else:
            dynamodb._ttl_settings.pop(table, None)  # noqa: SLF001

    extend("AWS::DynamoDB::Table", set_time_to_live)
