"""Lambda@Edge's limits, which no linter checks, and what the function needs from the template."""

import ast
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from edge_headers import canonical_paths
from edge_headers.canonical_paths import is_file, photo_of_rendition
from ops.page_files import page_files
from shared import cache_tags
from shared.photo_ids import PHOTO_ID, new_photo_id
from shared.photos import rendition_key
from tests.support.repository import ROOT, load_template
from thumbnailer.renditions import RENDITION_SIZES
from tools.translate import translate

PACKAGE = ROOT / "functions" / "edge_headers"
MAX_PACKAGE_BYTES = 1024 * 1024
TEMPLATE = load_template()
FUNCTION = TEMPLATE["Resources"]["EdgeHeadersFunction"]
PROPERTIES = FUNCTION["Properties"]
DISTRIBUTION = TEMPLATE["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
BEHAVIORS = {
    "": DISTRIBUTION["DefaultCacheBehavior"],
    **{
        behavior["PathPattern"]: behavior
        for behavior in DISTRIBUTION["CacheBehaviors"]
        if "Fn::If" not in behavior  # of the function URL, which has no edge function
    },
}
UNSUPPORTED = {
    "DeadLetterQueue",
    "Environment",
    "EphemeralStorage",
    "ImageUri",
    "Layers",
    "ProvisionedConcurrencyConfig",
    "ReservedConcurrentExecutions",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tracing",
    "VpcConfig",
}


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """The resources as CloudFormation gets them."""
    resources: dict[str, Any] = translate(load_template(), {})["Resources"]
    return resources


def test_no_setting_is_one_that_lambda_at_edge_does_not_support(translated: dict[str, Any]):
    assert not PROPERTIES.keys() & UNSUPPORTED
    function = translated["EdgeHeadersFunction"]["Properties"]
    assert not function.keys() & (UNSUPPORTED | {"TracingConfig", "DeadLetterConfig"})
    assert function["Architectures"] == ["x86_64"]
    assert FUNCTION["IgnoreGlobals"] == "*"


def test_memory_and_timeout_are_within_every_published_quota():
    assert PROPERTIES["MemorySize"] <= 128
    assert PROPERTIES["Timeout"] <= 5
    assert PROPERTIES["Runtime"] == TEMPLATE["Globals"]["Function"]["Runtime"]


def test_the_role_may_be_assumed_at_the_edge():
    role = TEMPLATE["Resources"]["EdgeHeadersRole"]["Properties"]
    assert PROPERTIES["Role"] == {"Fn::GetAtt": ["EdgeHeadersRole", "Arn"]}
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    services = {"lambda.amazonaws.com", "edgelambda.amazonaws.com"}
    assert set(statement["Principal"]["Service"]) == services


def test_the_role_may_read_the_catalog_and_write_logs_in_any_region():
    role = TEMPLATE["Resources"]["EdgeHeadersRole"]["Properties"]
    [policy] = role["Policies"]
    granted = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            granted[action] = statement["Resource"]
    assert granted.keys() == {
        "dynamodb:GetItem",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    assert granted["dynamodb:GetItem"] == {"Fn::GetAtt": ["CatalogTable", "Arn"]}
    assert ":logs:*:" in granted["logs:PutLogEvents"]["Fn::Sub"]


def test_it_reads_the_catalog_in_the_only_region_of_edge_functions():
    signed_for = re.findall(
        r"/([\w-]+)/dynamodb/aws4_request", (PACKAGE / "catalog.py").read_text()
    )
    assert signed_for == ["us-east-1"]


def test_a_numbered_version_runs_for_responses_of_buckets_only(
    translated: dict[str, Any],
):
    assert PROPERTIES["AutoPublishAlias"]
    expected = {
        "EventType": "origin-response",
        "LambdaFunctionARN": {"Ref": "EdgeHeadersFunction.Version"},
    }
    for path, behavior in BEHAVIORS.items():
        associations = behavior.get("LambdaFunctionAssociations", [])
        assert [{"IncludeBody": False, **each} for each in associations] == (
            [] if path.startswith("/api/") else [{"IncludeBody": False, **expected}]
        ), path
    config = translated["Distribution"]["Properties"]["DistributionConfig"]
    [association] = config["DefaultCacheBehavior"]["LambdaFunctionAssociations"]
    version = translated[association["LambdaFunctionARN"]["Ref"]]
    assert version["Type"] == "AWS::Lambda::Version"
    assert version["Properties"]["FunctionName"] == {"Ref": "EdgeHeadersFunction"}


def test_every_origin_of_pages_has_the_functions_configuration():
    origins = {each["Id"]: each for each in DISTRIBUTION["Origins"] if "Id" in each}
    assert BEHAVIORS["/photo.html"]["TargetOriginId"] == BEHAVIORS[""]["TargetOriginId"]
    page = origins[BEHAVIORS["/photo.html"]["TargetOriginId"]]
    given = {header["HeaderName"] for header in page["OriginCustomHeaders"]}
    sources = "".join(path.read_text() for path in PACKAGE.glob("*.py"))
    assert given == set(re.findall(r'"(x-gallery-[a-z-]+)"', sources))


@pytest.mark.parametrize("name", ["cache_tags.py", "security_headers.py"])
def test_modules_shared_with_the_layer_are_the_same_file(name: str):
    link = PACKAGE / name
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (ROOT / "layers" / "shared" / name).resolve()


def test_cloudfront_reads_tags_from_the_header_that_the_function_sets():
    assert DISTRIBUTION["CacheTagConfig"] == {"HeaderName": cache_tags.HEADER}


def test_a_photo_id_has_the_form_of_the_shared_one():
    assert PHOTO_ID.pattern == canonical_paths.PHOTO_ID


def test_the_package_is_small_and_needs_no_package():
    files = [path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts]
    assert {path.suffix for path in files} == {".py"}, "a requirements.txt would be installed"
    assert sum(path.stat().st_size for path in files) < MAX_PACKAGE_BYTES
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            roots = {name.split(".")[0] for name in names}
            assert roots <= {"edge_headers", *sys.stdlib_module_names}, path


@pytest.mark.parametrize("etag", ["7d7ac77c0c54d8b35d70c2670e0b6631", f"{'0' * 32}-5"])
@pytest.mark.parametrize("name", RENDITION_SIZES)
def test_path_of_every_rendition_is_canonical_and_names_its_photo(etag: str, name: str):
    photo_id = new_photo_id(datetime.now(UTC))
    assert photo_of_rendition(f"/{rendition_key(photo_id, etag, name)}") == photo_id


def test_path_of_every_file_of_the_page_is_canonical():
    web = {path.name: path.read_bytes() for path in (ROOT / "web").iterdir()}
    assert [key for key in page_files(web, {}) if not is_file(f"/{key}")] == []
