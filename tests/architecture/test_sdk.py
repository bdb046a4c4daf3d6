"""layers/build/sdk.toml lists exactly the operations of AWS services that deployed code calls."""

import ast
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from tests.support.repository import ROOT

LISTED: dict[str, dict[str, list[str]]] = tomllib.loads(
    (ROOT / "layers/build/sdk.toml").read_text()
)
DEPLOYED = sorted(path for name in ("functions", "layers") for path in (ROOT / name).rglob("*.py"))
OWN_METHODS = {"list_objects"}  # a method of ours, and the old form of an operation
REDIRECTED = {"s3": {"HeadBucket"}}  # S3RegionRedirectorv2 asks for the bucket's region
REMEDY = (
    "Left: layers/build/sdk.toml; right: what deployed code calls. Change the list: a client of the"
    " layer has no other operations."
)


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def called(service: str) -> set[str]:
    """Operations of a service by the attributes that its users, or modules of the layer, name."""
    names = {xform_name(name): name for name in model(service).operation_names}
    attributes = {
        node.attr
        for path in users(service)
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
    }
    direct = {names[name] for name in (attributes & names.keys()) - OWN_METHODS}
    return direct | paginated(service) | REDIRECTED.get(service, set())


def paginated(service: str) -> set[str]:
    names = {xform_name(name): name for name in model(service).operation_names}
    return {
        names[asked]
        for path in users(service)
        for asked in arguments(path, "get_paginator")
        if asked in names
    }


def users(service: str) -> list[Path]:
    """The modules of functions that have a client of the service, and the layer's."""
    folders = {
        path.parent for path in DEPLOYED if service in list(arguments(path, "make_client", 1))
    }
    return [
        path
        for path in DEPLOYED
        if path.is_relative_to(ROOT / "layers/shared") or folders & set(path.parents)
    ]


def arguments(path: Path, function: str, index: int = 0) -> Iterator[str]:
    """The texts that a file passes to a function or method, as the argument with this index."""
    for node in nodes(path):
        if not isinstance(node, ast.Call) or len(node.args) <= index:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        argument = node.args[index]
        if name == function and isinstance(argument, ast.Constant):
            yield str(argument.value)


@functools.cache
def model(service: str) -> ServiceModel:
    loaded: dict[str, Any] = Loader().load_service_model(service, "service-2")
    return ServiceModel(loaded, service)


def test_services_are_those_that_functions_make_clients_of():
    made = {service for path in DEPLOYED for service in arguments(path, "make_client", index=1)}
    assert LISTED["operations"].keys() == made, REMEDY


@pytest.mark.parametrize("service", LISTED["operations"])
def test_operations_are_those_that_are_called(service: str):
    assert set(LISTED["operations"][service]) == called(service), REMEDY


@pytest.mark.parametrize("service", LISTED["operations"])
def test_paginators_are_those_that_are_asked_for(service: str):
    assert set(LISTED["paginators"].get(service, [])) == paginated(service), REMEDY


@pytest.mark.parametrize("service", LISTED["operations"])
def test_lists_are_sorted(service: str):
    for kind in LISTED.values():
        assert kind.get(service, []) == sorted(set(kind.get(service, [])))


def test_deployed_code_uses_no_waiters_and_no_boto3():
    """The layer has neither, and Lambda's own boto3 would load the layer's botocore."""
    for path in DEPLOYED:
        assert not list(arguments(path, "get_waiter")), f"{path}: the layer has no waiters"
        imported = {
            name.partition(".")[0]
            for node in nodes(path)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert "boto3" not in imported, f"{path} imports boto3: use shared.clients.make_client"
