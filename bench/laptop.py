"""The gallery on the laptop cloud under load: requests, uploads, views, and memory.

`python bench/laptop.py` starts a laptop cloud of its own; with `--running PORT` it uses the one
that `make up` runs there. The baseline of the requests is ministack's own GetItem, with IAM
enforced too. The clients run in a process of their own, whose processor time is stated: on a
machine with few processors it is time that the laptop cloud does not get. Processor time per
request leaves out what the same processes use while they are idle.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import laptop_report as report
from laptop_gallery import CONSOLE, Deployed, deployed
from laptop_processes import Processes
from photos import encode, photo

from demo.client import Gallery
from demo.sign_in import sign_in
from localcloud import owners
from localcloud.arguments import port_number
from localcloud.cloud import CloudError

CLIENTS = (1, 2, 4, 8, 16, 32, 40, 64)
BURSTS = (1, 10, 100)
VIEWS = (20_000, 100_000, 1_000_000)
PHOTO = (1600, 1200)


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


def drain(at: Deployed, photo_id: str, count: int) -> report.Drain:
    """Send views to the stream, and wait until all of them are counted."""
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
    sent = time.monotonic() - began
    limit = 300 + count / 500
    while counted() < expected:
        if time.monotonic() > began + limit:
            raise TimeoutError(f"{expected - counted()} views are not counted after {limit:.0f} s")
        time.sleep(0.05)
    return report.Drain(count, sent, time.monotonic() - began)


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
        drains = []
        for views in arguments.views:
            status.update(f"{views} views")
            drains.append(drain(at, photo_id, views))
            CONSOLE.print(drains[-1].line())
        memory["after the views"] = asking.processes.memory_mb()
    return report.LaptopFigures(asking.idle, loads, bursts, drains, memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--running", type=port_number, metavar="PORT", help="use the gallery there")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=8, help="per measurement")
    parser.add_argument("--bursts", type=int, nargs="*", default=BURSTS, metavar="PHOTOS")
    parser.add_argument("--views", type=int, nargs="*", default=VIEWS)
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
