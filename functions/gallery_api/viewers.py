"""The viewer who sends a request: the address, and a pseudonym of it that is valid for a day."""

import base64
import hmac
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SALT_BYTES: Final = 32
# 12 characters. With a million viewers a day, two have the same hash once in 10^10 days.
_HASH_BYTES: Final = 9
_SALT_LIFETIME: Final = timedelta(days=2)


def viewer_address(event: Mapping[str, Any], *, behind_cloudfront: bool) -> str:
    """The address of the viewer, or an empty string if the request does not have it.

    Each proxy appends its caller's address to X-Forwarded-For; the entries before it are the
    caller's own text. If only CloudFront can call the API, the entry that CloudFront has appended
    is the viewer's address. API Gateway may have appended CloudFront's address after it. If others
    can call the API too, only the address that API Gateway itself saw can be trusted.
    """
    source = str(event["requestContext"]["identity"]["sourceIp"])
    if not behind_cloudfront:
        return source
    lines = (event.get("multiValueHeaders") or {}).get("X-Forwarded-For") or []
    hops = [each.strip() for each in ",".join(lines).split(",") if each.strip()]
    if len(hops) > 1 and hops[-1] == source:  # appended by API Gateway
        hops.pop()
    return hops[-1] if hops and _is_address(hops[-1]) else ""


class Pseudonyms(msgspec.Struct):
    """Pseudonyms of viewers, the same in all execution environments until the day (UTC) ends.

    A pseudonym is a hash of the address with a random salt. The salt expires after two days, and
    the idempotency table's TTL deletes it, usually within two more days. Without the salt,
    nobody can tell which address a pseudonym stands for.
    """

    dynamodb: "DynamoDBClient"
    table: str
    clock: Callable[[], datetime]
    day: str = ""
    salt: bytes = b""

    def of(self, address: str) -> str:
        """The pseudonym of an address; one for all addresses of an IPv6 network of 64 bits.

        Raises:
            BotoCoreError, ClientError: the salt of a new day cannot be stored or read.
        """
        now = self.clock()
        day = now.date().isoformat()
        if day != self.day:
            self.salt, self.day = self._salt_of(day, now), day
        digest = hmac.digest(self.salt, _network(address), "sha256")
        return base64.urlsafe_b64encode(digest[:_HASH_BYTES]).decode()

    def _salt_of(self, day: str, now: datetime) -> bytes:
        """The day's salt: that of the environment that stored it first."""
        salt = os.urandom(_SALT_BYTES)
        end = {"N": str(int((now + _SALT_LIFETIME).timestamp()))}
        key = {"S": f"viewer-salt#{day}"}
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item={"id": key, "salt": {"B": salt}, "expiration": end},
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException as error:
            response: Any = error.response
            return bytes(response["Item"]["salt"]["B"])
        return salt


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _network(address: str) -> bytes:
    found = ip_address(address)
    return found.packed[:8] if isinstance(found, IPv6Address) else found.packed
