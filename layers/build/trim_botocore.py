"""Remove from botocore what deployed code does not call: `trim_botocore.py <packages of a layer>`.

sdk.toml lists the operations and paginators that stay. The newest model of each service stays, with
the shapes of these operations and without documentation. endpoints.json keeps these services, in
all partitions. A client loads the whole model of its service, and endpoints.json.
"""

import gzip
import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class TrimError(Exception):
    """botocore does not have what sdk.toml lists."""


def trim(data: Path, listed: dict[str, Any]) -> None:
    """Trim botocore's folder of data.

    Raises:
        TrimError: a listed service, operation or paginator is not in it, or a file that it needs.
    """
    operations, paginators = listed["operations"], listed["paginators"]
    if unknown := paginators.keys() - operations.keys():
        raise TrimError(f"{', '.join(sorted(unknown))}: paginators, but no operations")
    prefixes = {
        trim_service(data, service, names, paginators.get(service, []))
        for service, names in operations.items()
    }
    for folder in [path for path in data.iterdir() if path.is_dir()]:
        if folder.name not in operations:
            shutil.rmtree(folder)
    endpoints = read_json(data / "endpoints")
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in prefixes}
    write_json(data / "endpoints", endpoints)


def trim_service(data: Path, service: str, operations: list[str], paginators: list[str]) -> str:
    """Trim the models of one service; returns its name in endpoints.json."""
    versions = sorted(path.parent for path in (data / service).glob("*/service-2.json*"))
    if not versions:
        raise TrimError(f"botocore has no service {service}")
    *old, folder = versions
    for each in old:
        shutil.rmtree(each)
    model = trimmed_model(read_json(folder / "service-2"), operations, service)
    rules = without_documentation(read_json(folder / "endpoint-rule-set-1"))
    pages = trimmed_paginators(folder, paginators, service) if paginators else {}
    for path in folder.iterdir():
        if path.name != "service-2.sdk-extras.json":  # botocore's corrections of the model
            path.unlink()
    write_json(folder / "service-2", model)
    write_json(folder / "endpoint-rule-set-1", rules)
    if pages:
        write_json(folder / "paginators-1", {"pagination": pages})
    return str(model["metadata"]["endpointPrefix"])


def trimmed_model(model: dict[str, Any], operations: list[str], service: str) -> Any:
    """The model with these operations and the shapes that they reach."""
    kept = select(model["operations"], operations, f"operation of {service}")
    reached: set[str] = set()
    todo = list(shape_names(kept))
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += shape_names(model["shapes"][name])
    shapes = {name: shape for name, shape in model["shapes"].items() if name in reached}
    return without_documentation({**model, "operations": kept, "shapes": shapes})


def trimmed_paginators(folder: Path, names: list[str], service: str) -> dict[str, Any]:
    """These paginators, with botocore's corrections of them."""
    found = read_json(folder / "paginators-1")["pagination"]
    kept = select(found, names, f"paginator of {service}")
    if (folder / "paginators-1.sdk-extras.json").is_file():
        extras = read_json(folder / "paginators-1.sdk-extras")["merge"]["pagination"]
        kept = {name: {**each, **extras.get(name, {})} for name, each in kept.items()}
    return kept


def select(found: dict[str, Any], names: list[str], what: str) -> dict[str, Any]:
    """The entries with these names.

    Raises:
        TrimError: one of them is missing.
    """
    if missing := set(names) - found.keys():
        raise TrimError(f"botocore has no {what} with the name {', '.join(sorted(missing))}")
    return {name: found[name] for name in found if name in names}


def shape_names(part: Any) -> Iterator[str]:
    """The names of the shapes that a part of a model refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for each in part.values():
            yield from shape_names(each)
    elif isinstance(part, list):
        for each in part:
            yield from shape_names(each)


def without_documentation(part: Any) -> Any:
    """The part with empty texts named `documentation`: botocore needs some of them to exist.

    A member of a shape may have that name, too.
    """
    if isinstance(part, dict):
        return {
            name: ""
            if name == "documentation" and isinstance(each, str)
            else without_documentation(each)
            for name, each in part.items()
        }
    if isinstance(part, list):
        return [without_documentation(each) for each in part]
    return part


def read_json(path: Path) -> Any:
    """The content of `path.json` or `path.json.gz`.

    Raises:
        TrimError: neither exists.
    """
    for name, unpack in ((f"{path.name}.json", bytes), (f"{path.name}.json.gz", gzip.decompress)):
        file = path.with_name(name)
        if file.is_file():
            return json.loads(unpack(file.read_bytes()))
    raise TrimError(f"botocore has no {path}.json")


def write_json(path: Path, content: Any) -> None:
    """Write `path.json`; uncompressed it loads faster."""
    text = json.dumps(content, separators=(",", ":"))
    path.with_name(f"{path.name}.json").write_text(text)


def main() -> int:
    """Return 0 if botocore is trimmed."""
    listed = tomllib.loads(Path(__file__).with_name("sdk.toml").read_text())
    try:
        trim(Path(sys.argv[1]) / "botocore" / "data", listed)
    except TrimError as error:
        print(f"trim_botocore.py: {error}. Change layers/build/sdk.toml.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
