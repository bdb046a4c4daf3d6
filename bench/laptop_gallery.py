"""The gallery on a laptop cloud, for benchmarks that measure it from outside."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from rich.console import Console

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "layers")]

from demo import application  # noqa: E402 - only now are they found
from demo.sign_in import make_user  # noqa: E402
from localcloud import owners  # noqa: E402
from localcloud.cloud import Cloud, CloudError, free_port  # noqa: E402
from localcloud.running_application import running_application  # noqa: E402
from localcloud.stack import Stack  # noqa: E402

CONSOLE = Console(stderr=True, highlight=False)
# The default throttle of 100 requests/s would answer in the place of the function.
PARAMETERS = {"ExpectedViewsPerSecond": "5000", "ViewsShardCount": "1"}


@dataclass(frozen=True)
class Gateway:
    """The gallery's API Gateway, called without CloudFront but with the header that it sends."""

    host: str
    port: int
    api: str
    origin_header: tuple[str, str]

    def get(self, path: str) -> str:
        """The text of a request."""
        name, value = self.origin_header
        return (
            f"GET /api{path} HTTP/1.1\r\nHost: {self.api}.execute-api.localhost:{self.port}\r\n"
            f"{name}: {value}\r\nAccept: */*\r\n\r\n"
        )


@dataclass(frozen=True)
class Deployed:
    """The gallery that is measured, and the URL of its page."""

    cloud: Cloud
    outputs: Mapping[str, str]
    url: str

    def gateway(self) -> Gateway:
        cloudfront = self.cloud.client("cloudfront")
        [distribution] = (
            Stack(self.cloud, application.STACK).of_type("AWS::CloudFront::Distribution").values()
        )
        config = cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"]
        [(origin, header)] = [
            (origin, header)
            for origin in config["Origins"]["Items"]
            for header in origin.get("CustomHeaders", {}).get("Items", [])
            if header["HeaderName"] == "Referer"
        ]
        return Gateway(
            self.cloud.host,
            self.cloud.port,
            origin["DomainName"].partition(".")[0],
            (header["HeaderName"], header["HeaderValue"]),
        )

    def get_item(self, photo_id: str) -> str:
        """The text of a signed GetItem of the photo."""
        cloud = self.cloud
        body = json.dumps(
            {
                "TableName": self.outputs["PhotosTableName"],
                "Key": {"photo_id": {"S": photo_id}},
            }
        )
        headers = {
            "Host": f"{cloud.host}:{cloud.port}",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.GetItem",
        }
        request = AWSRequest("POST", f"{cloud.endpoint}/", headers, body)
        key = cloud.environment["AWS_ACCESS_KEY_ID"]
        secret = cloud.environment["AWS_SECRET_ACCESS_KEY"]
        SigV4Auth(Credentials(key, secret), "dynamodb", cloud.environment["AWS_REGION"]).add_auth(
            request
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"


@contextlib.contextmanager
def deployed(port: int | None) -> Iterator[Deployed]:
    """The gallery that runs on a port; without one, on a laptop cloud of its own."""
    own_environment = dict(os.environ)
    os.environ.clear()
    cloud = Cloud("127.0.0.1", port or free_port("127.0.0.1"))
    os.environ.update(cloud.environment)
    if port:
        if not owners.read(cloud.folder):
            raise CloudError(f"No laptop cloud runs on port {port}. `make up` starts one.")
        outputs = Stack(cloud, application.STACK).outputs()
        yield Deployed(cloud, outputs, f"http://127.0.0.1:{port + 1}")
        return
    gallery = application.gallery(cloud)
    gallery = replace(gallery, parameters={**gallery.parameters, **PARAMETERS})
    environment = application.build_environment(own_environment)
    with running_application(gallery, cloud, cloud.port + 1, environment, CONSOLE) as running:
        [url] = running.distributions.values()
        make_user(cloud, running.outputs)
        yield Deployed(cloud, running.outputs, url)
