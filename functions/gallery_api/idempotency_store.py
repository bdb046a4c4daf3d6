"""Claims of idempotency keys that survive a lost answer, in Powertools' format.

botocore repeats a conditional write whose answer was lost. If DynamoDB had done the first one, it
refuses the second: the claim exists, and seems to belong to another request. So a claim has a
token, and a refused write that finds its own token has succeeded. If no answer comes at all, the
claim is released.

A claim also has the id of what the request creates. An invocation that takes over the claim of an
invocation that has ended creates the same thing again, not a second one.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import (
    STATUS_CONSTANTS,
    DataRecord,
)
from botocore.exceptions import BotoCoreError, ClientError

from shared.dynamodb import from_item, to_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_IN_PROGRESS: Final = STATUS_CONSTANTS["INPROGRESS"]

type Item = Mapping[str, Any]


class IdempotencyStore(BasePersistenceLayer):
    """The store of claims and answers; `new_id` makes an id for each new claim.

    Not Powertools' DynamoDBPersistenceLayer, which imports boto3.

    One invocation runs at a time in an execution environment, so it has one claim at a time.
    """

    def __init__(
        self,
        table: str,
        dynamodb: "DynamoDBClient",
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.table_name = table
        self.client = dynamodb
        self.clock = clock
        self.new_id = new_id
        self._token = ""
        self.claimed_id = ""

    def _get_record(self, idempotency_key: str) -> DataRecord:
        answer = self.client.get_item(
            TableName=self.table_name, Key=to_item({"id": idempotency_key}), ConsistentRead=True
        )
        if "Item" not in answer:
            raise IdempotencyItemNotFoundError
        return _data_record(answer["Item"])

    def _put_record(self, data_record: DataRecord) -> None:
        """Claim the key.

        Raises:
            IdempotencyItemAlreadyExistsError: the claim of an invocation that still runs, or an
                answer, is stored under the key.
            IdempotencyValidationError: the key belongs to another request.
            BotoCoreError, ClientError: the claim is not known to be written.
        """
        self._token, self.claimed_id = str(uuid4()), self.new_id()
        with self._releasing_after_error(data_record.idempotency_key):
            try:
                self.client.put_item(
                    TableName=self.table_name,
                    Item=self._claim(data_record),
                    ConditionExpression="attribute_not_exists(id) OR expiration < :now",
                    ExpressionAttributeValues=to_item({":now": int(self.clock().timestamp())}),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self.client.exceptions.ConditionalCheckFailedException as error:
                self._accept_or_take_over(data_record, _stored(error))

    def _update_record(self, data_record: DataRecord) -> None:
        """Store the answer."""
        values = {
            ":data": data_record.response_data,
            ":expiration": data_record.expiry_timestamp,
            ":status": data_record.status,
            ":validation": data_record.payload_hash,
        }
        self.client.update_item(
            TableName=self.table_name,
            Key=to_item({"id": data_record.idempotency_key}),
            UpdateExpression=(
                "SET #data = :data, expiration = :expiration, #status = :status,"
                " validation = :validation"
            ),
            ExpressionAttributeNames={"#data": "data", "#status": "status"},
            ExpressionAttributeValues=to_item(values),
        )

    def _delete_record(self, data_record: DataRecord) -> None:
        """Release the claim: the next request takes it over, and creates the same photo."""
        self._release(data_record.idempotency_key)

    def _release(self, key: str) -> None:
        with contextlib.suppress(self.client.exceptions.ConditionalCheckFailedException):
            self.client.update_item(
                TableName=self.table_name,
                Key=to_item({"id": key}),
                UpdateExpression="SET in_progress_expiration = :over",
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues=to_item({":over": 0, ":token": self._token}),
            )

    @contextlib.contextmanager
    def _releasing_after_error(self, key: str) -> Iterator[None]:
        """Release the claim after an error: it may be stored although no answer came."""
        try:
            yield
        except (BotoCoreError, ClientError):
            with contextlib.suppress(BotoCoreError, ClientError):
                self._release(key)
            raise

    def _accept_or_take_over(self, data_record: DataRecord, stored: Item) -> None:
        if self._is_ours(stored):
            return
        old = _data_record(stored)
        ends = old.in_progress_expiry_timestamp
        if old.status != _IN_PROGRESS or ends is None or ends >= self.clock().timestamp() * 1000:
            self._validate_payload(data_record, old)
            raise IdempotencyItemAlreadyExistsError(old_data_record=old)
        # A request with another body does not take over the photo id of the one that has ended.
        if old.payload_hash == data_record.payload_hash and "photo_id" in stored:
            self.claimed_id = stored["photo_id"]["S"]
        try:
            self.client.put_item(
                TableName=self.table_name,
                Item=self._claim(data_record),
                ConditionExpression="in_progress_expiration = :ends AND #status = :in_progress",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=to_item(
                    {":ends": int(ends), ":in_progress": _IN_PROGRESS}
                ),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            if not self._is_ours(_stored(error)):
                winner = _data_record(_stored(error))
                self._validate_payload(data_record, winner)
                raise IdempotencyItemAlreadyExistsError(old_data_record=winner) from error

    def _claim(self, data_record: DataRecord) -> Any:
        return to_item(
            {
                "id": data_record.idempotency_key,
                "status": data_record.status,
                "expiration": data_record.expiry_timestamp,
                "in_progress_expiration": data_record.in_progress_expiry_timestamp,
                "validation": data_record.payload_hash,
                "token": self._token,
                "photo_id": self.claimed_id,
            }
        )

    def _is_ours(self, stored: Item) -> bool:
        return "token" in stored and stored["token"]["S"] == self._token


def _stored(refused: ClientError) -> Item:
    """The item because of which a conditional write was refused."""
    return cast("Item", refused.response["Item"])  # type: ignore[typeddict-item]


def _data_record(item: Item) -> DataRecord:
    stored = from_item(item, dict)
    return DataRecord(
        idempotency_key=stored["id"],
        status=stored["status"],
        expiry_timestamp=stored["expiration"],
        in_progress_expiry_timestamp=stored.get("in_progress_expiration"),
        response_data=stored.get("data", ""),
        payload_hash=stored.get("validation", ""),
    )
