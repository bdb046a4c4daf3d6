"""Read one catalog row with the standard library; bench/cold_start.py measures boto3's cost."""

import hmac
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from http.client import HTTPConnection, HTTPSConnection
from typing import Any

_NEEDED = {"ProjectionExpression": "#s, renditions", "ExpressionAttributeNames": {"#s": "status"}}
_TLS = ssl.create_default_context()

type Strings = Mapping[str, str]


class CatalogError(Exception):
    """The catalog cannot be read."""


def get_row(
    photo_id: str, settings: Strings, environment: Strings, now: float, timeout: float
) -> Any:
    """Status and renditions of a photo in DynamoDB's form, or None if there is no such row.

    `timeout` in seconds is that of a connection, and of each read.

    Raises:
        OSError, http.client.HTTPException: the network failed, or did not answer in time.
        CatalogError, KeyError: settings or credentials are missing, or DynamoDB refused.
    """
    for name in ("x-gallery-endpoint", "x-gallery-catalog-table"):
        if not settings.get(name):
            raise CatalogError(f"distribution.yaml sets no {name} among OriginCustomHeaders")
    table = settings["x-gallery-catalog-table"]
    scheme, _, host = settings["x-gallery-endpoint"].partition("://")
    connection = HTTPConnection(host, timeout=timeout)
    if scheme == "https":
        connection = HTTPSConnection(host, timeout=timeout, context=_TLS)
    body = json.dumps({"TableName": table, "Key": {"photo_id": {"S": photo_id}}, **_NEEDED})
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    with closing(connection):
        connection.request("POST", "/", body, signed_headers(host, body, environment, moment))
        with connection.getresponse() as response:
            answer = response.read(65536)
    if response.status != 200:
        raise CatalogError(f"GetItem on {table}: {response.status} {answer[:500]!r}")
    return json.loads(answer).get("Item")


def signed_headers(host: str, body: str, environment: Strings, moment: str) -> dict[str, str]:
    """The headers of a GetItem, signed with Signature Version 4; `moment` is `20261120T123456Z`.

    `environment` has the role's credentials under Lambda's names.

    Raises:
        KeyError: the access key or the secret key is missing.
    """
    token = environment.get("AWS_SESSION_TOKEN")
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": moment,
        **({"x-amz-security-token": token} if token else {}),
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    names = ";".join(headers)  # the names above are sorted
    lines = map(":".join, headers.items())
    request = "\n".join(("POST", "/", "", *lines, "", names, sha256(body.encode()).hexdigest()))
    # A stack with a distribution is always in us-east-1, the region of Lambda@Edge.
    scope = f"{moment[:8]}/us-east-1/dynamodb/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, sha256(request.encode()).hexdigest()))
    key = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    signed = f"Credential={environment['AWS_ACCESS_KEY_ID']}/{scope}, SignedHeaders={names}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {signed}, Signature={key.hex()}"}
