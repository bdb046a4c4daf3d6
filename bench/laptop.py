"""The gallery on the laptop cloud under load: requests, uploads, views, and memory.

`python bench/laptop.py` starts a laptop cloud of its own; with `--running PORT` it uses the one
that `make up` runs there. The baseline of the requests is ministack's own GetItem, with IAM
enforced too. The clients run in a process of their own, whose processor time is stated: on a
machine with few processors it is time that the laptop cloud does not get. Processor time per
request is without what the same processes use while nobody asks.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from rich.console import Console

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "layers")]

import laptop_report as report  # noqa: E402 - only now are they found
from laptop_processes import Processes  # noqa: E402
from photos import encode, photo  # noqa: E402

from demo import application  # noqa: E402
from demo.client import Gallery  # noqa: E402
from demo.sign_in import make_user, sign_in  # noqa: E402
from localcloud import owners  # noqa: E402
from localcloud.arguments import port_number  # noqa: E402
from localcloud.cloud import Cloud, CloudError, free_port  # noqa: E402
from localcloud.running_application import running_application  # noqa: E402
from localcloud.stack import Stack  # noqa: E402

CLIENTS = (1, 2, 4, 8, 16, 32, 40, 64)
BURSTS = (1, 10, 100)
PHOTO = (1600, 1200)
CONSOLE = Console(stderr=True, highlight=False)


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
    environment = application.build_environment(own_environment)
    with running_application(gallery, cloud, cloud.port + 1, environment, CONSOLE) as running:
        [url] = running.distributions.values()
        make_user(cloud, running.outputs)
        yield Deployed(cloud, running.outputs, url)


class Clients:
    """Sends requests to a laptop cloud, and measures the processor time of its processes."""

    def __init__(self, at: Deployed, idle_seconds: float) -> None:
        self._at = at
        self.processes = Processes(at.cloud.port, owners.read(at.cloud.folder))
        before = self.processes.cpu_seconds()
        time.sleep(idle_seconds)
        after = self.processes.cpu_seconds()
        self.idle = {name: (after[name] - before[name]) / idle_seconds for name in before}

    def load(self, name: str, request: str, clients: int, seconds: float) -> report.RequestFigures:
        """Send requests from this number of clients for some seconds; returns the figures."""
        asked = {
            "host": self._at.cloud.host,
            "port": self._at.cloud.port,
            "request": request,
            "clients": clients,
            "seconds": seconds,
        }
        before = self.processes.cpu_seconds()
        ran = subprocess.run(
            [sys.executable, Path(__file__).with_name("laptop_clients.py")],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
        )
        after = self.processes.cpu_seconds()
        answer = json.loads(ran.stdout)
        times, took = sorted(answer["milliseconds"]), answer["seconds"]
        count = len(times)
        spent = {each: after[each] - before[each] - self.idle[each] * took for each in after}
        spent["clients"] = answer["cpu_seconds"]
        return report.RequestFigures(
            name=name,
            clients=clients,
            per_second=count / took,
            p50=statistics.median(times),
            p99=times[min(int(count * 0.99), count - 1)],
            not_200=sum(answer["statuses"].values()) - answer["statuses"].get("200", 0),
            statuses=answer["statuses"],
            cpu_ms={each: seconds * 1000 / count for each, seconds in spent.items()},
        )


def burst(gallery: Gallery, count: int, file: bytes, table: Any) -> report.Burst:
    """Upload this number of photos at once; returns each photo's time from upload to READY."""
    made = [gallery.create_photo(f"burst {n}", "image/jpeg", len(file)) for n in range(count)]

    def upload(created: dict[str, Any]) -> float:
        began = time.time()
        gallery.upload(created["upload"], file)
        return began

    with ThreadPoolExecutor(count) as threads:
        began = list(threads.map(upload, made))
    keys = [each["photo"]["photo_id"] for each in made]
    deadline = time.monotonic() + 600
    while len(ready := table(keys)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count - len(ready)} of {count} photos are not READY after 600 s")
        time.sleep(0.2)
    times = sorted(ready[key] - start for key, start in zip(keys, began, strict=True))
    return report.Burst(
        count, statistics.median(times), times[-1], max(ready.values()) - min(began)
    )


def ready_photos(at: Deployed) -> Any:
    """A function that returns the photos that are READY, and the times since when they are."""
    dynamodb, name = at.cloud.client("dynamodb"), at.outputs["PhotosTableName"]

    def ready(keys: list[str]) -> dict[str, float]:
        asked = {name: {"Keys": [{"photo_id": {"S": key}} for key in keys]}}
        items = dynamodb.batch_get_item(RequestItems=asked)["Responses"][name]
        failed = [each for each in items if each["status"]["S"] == "FAILED"]
        if failed:
            raise RuntimeError(f"photo {failed[0]['photo_id']['S']} is FAILED")
        return {
            each["photo_id"]["S"]: datetime.fromisoformat(each["ready_at"]["S"]).timestamp()
            for each in items
            if each["status"]["S"] == "READY"
        }

    return ready


def drain(at: Deployed, photo_id: str, count: int) -> float:
    """Views counted per second, from the first record in the stream to the last one counted."""
    kinesis, dynamodb = at.cloud.client("kinesis"), at.cloud.client("dynamodb")
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    view = json.dumps({"photo_id": photo_id, "viewed_at": now}).encode()
    key = {"photo_id": {"S": photo_id}, "period": {"S": "total"}}

    def counted() -> int:
        item = dynamodb.get_item(TableName=at.outputs["ViewsTableName"], Key=key).get("Item", {})
        return int(item.get("views", {"N": "0"})["N"])

    expected, began = counted() + count, time.monotonic()
    for _ in range(count // 500):
        records = [{"Data": view, "PartitionKey": photo_id}] * 500
        answer = kinesis.put_records(StreamName=at.outputs["ViewsStreamName"], Records=records)
        if answer["FailedRecordCount"]:
            raise RuntimeError(f"Kinesis refused {answer['FailedRecordCount']} records")
    while counted() < expected:
        if time.monotonic() > began + 300:
            raise TimeoutError(f"{expected - counted()} views are not counted after 300 s")
        time.sleep(0.05)
    return count / (time.monotonic() - began)


def measure(arguments: argparse.Namespace, at: Deployed) -> report.LaptopFigures:
    with CONSOLE.status("idle"):
        asking = Clients(at, arguments.seconds)
    memory = {"started": asking.processes.memory_mb()}
    token = sign_in(at.cloud, at.outputs)["IdToken"]
    file = encode(photo(*PHOTO), "JPEG", quality=90)
    ready = ready_photos(at)
    loads, bursts = [], []
    with Gallery(at.url, token) as gallery, CONSOLE.status("") as status:
        made = gallery.create_photo("measured", "image/jpeg", len(file))
        gallery.upload(made["upload"], file)
        photo_id = made["photo"]["photo_id"]
        gallery.settled(photo_id)
        requests = {
            report.PHOTO: at.gateway().get(f"/photos/{photo_id}"),
            report.GET_ITEM: at.get_item(photo_id),
        }
        for clients in arguments.clients:
            for name, request in requests.items():
                status.update(f"{name}, {clients} clients")
                asking.load(name, request, clients, 1)  # until it is warm
                loads.append(asking.load(name, request, clients, arguments.seconds))
                CONSOLE.print(loads[-1].line())
        memory["after the readers"] = asking.processes.memory_mb()
        for count in arguments.bursts:
            status.update(f"burst of {count} photos")
            bursts.append(burst(gallery, count, file, ready))
            CONSOLE.print(bursts[-1].line())
        memory["after the uploads"] = asking.processes.memory_mb()
        status.update(f"{arguments.views} views")
        drained = drain(at, photo_id, arguments.views)
        CONSOLE.print(f"{drained:,.0f} views drained per second")
        memory["after the views"] = asking.processes.memory_mb()
    return report.LaptopFigures(asking.idle, loads, bursts, arguments.views, drained, memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--running", type=port_number, metavar="PORT", help="use the gallery there")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=8, help="per measurement")
    parser.add_argument("--bursts", type=int, nargs="*", default=BURSTS, metavar="PHOTOS")
    parser.add_argument("--views", type=int, default=20_000)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    try:
        with deployed(arguments.running) as at:
            measured = measure(arguments, at)
    except CloudError as error:
        CONSOLE.print(f"[red]✗[/] {error}")
        return 1
    report.show(measured)
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(measured), indent=1))
    if arguments.plot:
        report.plot(measured, arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
