"""Which change of the template publishes a new version of which function, with `make deploy`.

The hashes of ops.release_hash are compared with an independent answer: SAM CLI's own resolver of
intrinsic functions (the one of `sam local`), applied to the functions of the translated template.
"""

import copy
import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from samcli.lib.intrinsic_resolver.intrinsic_property_resolver import IntrinsicResolver
from samcli.lib.intrinsic_resolver.intrinsics_symbol_table import IntrinsicsSymbolTable

from ops import release_hash
from ops.release_hash import release_hashes
from tests.support.repository import load_template
from tools.translate import translate

type Template = dict[str, Any]
type Change = Callable[[Template], object]

REGION = "us-east-1"
# https://github.com/aws/serverless-application-model/issues/3281
NOT_LOCKED = {"CodeSigningConfigArn", "ReservedConcurrentExecutions", "Tags"}
EDGE = "EdgeHeadersFunction"
IN_REGION = {
    name
    for name, resource in load_template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function" and name != EDGE
}
# Its environment names the API's version.
CHECKED, CHECK = "GalleryApiFunction", "ReleaseCheckFunction"


@functools.cache
def translated() -> Template:
    return translate(load_template(), {"Stage": "prod"})


def changed(change: Change, template: Template | None = None) -> Template:
    """A copy of the translated template with one change."""
    copied = copy.deepcopy(template or translated())
    change(copied)
    return copied


def translated_with(change: Change) -> Template:
    """The translation of the source template with one change."""
    return translate(changed(change, load_template()), {"Stage": "prod"})


def published(
    after: Template, given: dict[str, str], before: dict[str, str], region: str = REGION
) -> set[str]:
    """The functions that get a new version, by their hashes."""
    old, new = release_hashes(translated(), before, REGION), release_hashes(after, given, region)
    assert old.keys() == new.keys() == IN_REGION | {EDGE}
    return {name for name in old if old[name] != new[name]}


def resolved(template: Template, given: dict[str, str]) -> Template:
    """The locked properties of each function, as SAM CLI resolves them."""
    known = {**IntrinsicsSymbolTable.DEFAULT_PSEUDO_PARAM_VALUES, "AWS::NoValue": "none", **given}
    types = {name: {"Type": each["Type"]} for name, each in template["Resources"].items()}
    bare = {**template, "Resources": types, "Outputs": {}}  # the resolver copies all of it
    symbols = IntrinsicsSymbolTable(template=bare, logical_id_translator=known)
    resolver = IntrinsicResolver(template=bare, symbol_resolver=symbols)
    return {
        name: {
            key: resolver.intrinsic_property_resolver(value, ignore_errors=False)
            for key, value in without_sams_ids(resource["Properties"]).items()
            if key not in NOT_LOCKED
        }
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


@functools.cache
def resolved_before(stage: str) -> Template:
    return resolved(translated(), {"Stage": stage})


def without_sams_ids(properties: Template) -> Template:
    """SAM ends the logical ids of layers and versions with a hash of what it has not resolved."""
    text = re.sub(r'"(\w+(?:Layer|Version))[0-9a-f]{10}"', r'"\1"', json.dumps(properties))
    return dict(json.loads(text))


def expected(after: Template, given: dict[str, str], before: dict[str, str]) -> set[str]:
    """The functions whose locked properties differ, by SAM CLI's resolver."""
    old, new = resolved_before(before["Stage"]), resolved(after, given)
    return with_check({name for name in old if old[name] != new[name]})


def with_check(functions: set[str]) -> set[str]:
    return functions | {CHECK} if CHECKED in functions else functions


def another(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}-changed"
    raise TypeError(value)


# ── Mapping values ───────────────────────────────────────────────────────────────────────────────


def mapping_values() -> Iterator[tuple[str, str, str]]:
    for mapping, keys in translated()["Mappings"].items():
        for key, names in keys.items():
            for name in names:
                yield mapping, key, name


def with_mapping_value(mapping: str, key: str, name: str) -> Template:
    def change(template: Template) -> None:
        names = template["Mappings"][mapping][key]
        names[name] = another(names[name])

    return changed(change)


def test_changed_mapping_value_publishes_exactly_its_readers():
    publishing = {}
    for mapping, key, name in mapping_values():
        after = with_mapping_value(mapping, key, name)
        for stage in ("local", "dev", "prod"):
            given = {"Stage": stage}
            functions = published(after, given, given)
            assert functions == expected(after, given, given), (mapping, key, name, stage)
            if functions:
                publishing[mapping, key, name, stage] = functions
    examples = {
        ("Stage", stage, setting, stage): IN_REGION
        for stage in ("local", "dev", "prod")
        for setting in ("LogFormat", "LogLevel", "SystemLogLevel")
    }
    assert publishing == {**publishing, **examples}


# ── Parameters ───────────────────────────────────────────────────────────────────────────────────


def parameter_values() -> Iterator[tuple[str, str]]:
    for name, declared in translated()["Parameters"].items():
        for value in declared.get("AllowedValues", [another(declared["Default"])]):
            yield name, str(value)


WITH_API = {"GalleryApiFunction", "ReleaseCheckFunction"}  # it has the version of the API
# DISTRIBUTION_ID of the replicator and API_CALLERS of the API.
BY_PAGE = {"CatalogReplicatorFunction"} | WITH_API


def test_changed_parameter_publishes_exactly_its_readers():
    publishing = {}
    before = {"Stage": "prod"}
    for name, value in parameter_values():
        given = {**before, name: value}
        functions = published(translated(), given, before)
        assert functions == expected(translated(), given, before), (name, value)
        if functions:
            publishing[name, value] = functions
    examples = {
        ("Architecture", "x86_64"): IN_REGION,
        ("Stage", "dev"): IN_REGION,  # another log level
        ("EndpointUrl", "-changed"): IN_REGION,
        ("Page", "none"): BY_PAGE,
        ("RepeatedViews", "left-out"): WITH_API,
    }
    assert publishing == {**publishing, **examples}


# ── Properties of all functions ──────────────────────────────────────────────────────────────────


def set_globals(**values: Any) -> Change:
    return lambda template: template["Globals"]["Function"].update(values)


def set_log_level(level: str) -> Change:
    return lambda template: template["Globals"]["Function"]["LoggingConfig"].update(
        ApplicationLogLevel=level
    )


def set_variable(name: str, value: Any) -> Change:
    return lambda template: template["Globals"]["Function"]["Environment"]["Variables"].update(
        {name: value}
    )


GLOBAL_CHANGES = {
    "Runtime": set_globals(Runtime="python3.12"),
    "Architectures": set_globals(Architectures=["x86_64"]),
    "Layers": set_globals(Layers=[{"Ref": "ImagingLayer"}]),
    "Tracing": set_globals(Tracing="PassThrough"),
    "RecursiveLoop": set_globals(RecursiveLoop="Allow"),
    "AutoPublishAlias": set_globals(AutoPublishAlias="current"),
    "AutoPublishAliasAllProperties": set_globals(AutoPublishAliasAllProperties=False),
    "LoggingConfig": set_log_level("ERROR"),
    "Environment": set_variable("POWERTOOLS_METRICS_NAMESPACE", "another"),
    "Environment: more": set_variable("ANOTHER", {"Fn::Sub": "${Stage}-${PhotosTable}"}),
    "Tags": set_globals(Tags={"team": "gallery"}),
    "EphemeralStorage": set_globals(EphemeralStorage={"Size": 1024}),
}


def test_each_global_property_is_changed_below():
    changed_below = {name.split(":")[0] for name in GLOBAL_CHANGES}
    assert load_template()["Globals"]["Function"].keys() <= changed_below


@pytest.mark.parametrize("name", GLOBAL_CHANGES)
def test_changed_global_property_publishes_exactly_its_readers(name: str):
    given = {"Stage": "prod"}
    after = translated_with(GLOBAL_CHANGES[name])
    functions = published(after, given, given)
    assert functions == expected(after, given, given)
    of_no_version = {"AutoPublishAlias", "AutoPublishAliasAllProperties", "Tags"}
    readers = set() if name in of_no_version else IN_REGION
    assert functions == readers - ({"GalleryApiFunction"} if name == "Tracing" else set())


# ── Properties of one function ───────────────────────────────────────────────────────────────────


def function_properties() -> Iterator[tuple[str, str]]:
    for function in sorted({*IN_REGION, EDGE}):
        properties = translated()["Resources"][function]["Properties"]
        for name in sorted(properties.keys() | NOT_LOCKED):
            yield function, name


def set_property(resource: str, name: str, value: Any) -> Change:
    return lambda template: template["Resources"][resource]["Properties"].update({name: value})


def test_properties_that_are_not_locked_are_not_part_of_a_version():
    model = botocore.session.get_session().get_service_model("lambda")
    versioned = {
        name
        for operation in ("UpdateFunctionConfiguration", "UpdateFunctionCode")
        for shape in ("input_shape", "output_shape")
        for name in getattr(model.operation_model(operation), shape).members
    }
    assert {"MemorySize", "Layers"} <= versioned
    assert not NOT_LOCKED & versioned


def test_changed_property_of_one_function_publishes_that_one():
    given = {"Stage": "prod"}
    for function, name in function_properties():
        after = changed(set_property(function, name, "changed"))
        functions = published(after, given, given)
        assert functions == expected(after, given, given), (function, name)
        assert bool(functions) == (name not in NOT_LOCKED), (function, name)


@pytest.mark.parametrize(
    "omitted",
    sorted({name for _, name in function_properties()} - NOT_LOCKED),
)
def test_these_tests_find_a_property_that_the_hash_omits(
    omitted: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(release_hash, "_NOT_LOCKED", NOT_LOCKED | {omitted})
    with pytest.raises(AssertionError, match=f"Function', '{omitted}'"):
        test_changed_property_of_one_function_publishes_that_one()


# ── Replaced resources ───────────────────────────────────────────────────────────────────────────

# By type, a property that makes CloudFormation replace the resource, and one that does not.
REPLACING = {
    "AWS::DynamoDB::Table": ("KeySchema", "PointInTimeRecoverySpecification"),
    "AWS::IAM::Role": ("Path", "Policies"),
    "AWS::Kinesis::Stream": ("Name", "RetentionPeriodHours"),
    "AWS::Lambda::LayerVersion": ("Content", None),
    "AWS::Logs::LogGroup": ("LogGroupName", "RetentionInDays"),
    "AWS::S3::Bucket": ("BucketName", "LifecycleConfiguration"),
    "AWS::SQS::Queue": ("QueueName", "MessageRetentionPeriod"),
    "AWS::CloudFront::Distribution": (None, "DistributionConfig"),
}


def readers(resource: str) -> set[str]:
    """The functions whose properties refer to a resource."""
    quoted = json.dumps(resource)
    resources = translated()["Resources"]
    return {
        name for name in {*IN_REGION, EDGE} if quoted in json.dumps(resources[name]["Properties"])
    }


def referred_to() -> Iterator[tuple[str, str]]:
    for name, resource in translated()["Resources"].items():
        if readers(name) and resource["Type"] != "AWS::Lambda::Version":
            yield name, resource["Type"]


def test_replaced_resource_publishes_its_readers_and_an_updated_one_publishes_nothing():
    given = {"Stage": "prod"}
    for name, resource_type in referred_to():
        replacing, updating = REPLACING[resource_type]
        if replacing:
            after = changed(set_property(name, replacing, "changed"))
            assert published(after, given, given) == with_check(readers(name)), (name, replacing)
        if updating:
            after = changed(set_property(name, updating, "changed"))
            assert published(after, given, given) == set(), (name, updating)


def test_these_tests_find_a_replacement_that_the_hash_omits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(release_hash, "_REPLACING", ())
    with pytest.raises(AssertionError, match="Function"):
        test_replaced_resource_publishes_its_readers_and_an_updated_one_publishes_nothing()


def test_parameter_that_replaces_a_table_publishes_its_readers():
    given = {"Stage": "prod"}
    named = changed(set_property("ViewsTable", "TableName", {"Fn::Sub": "views-${ReportTimeZone}"}))
    before = release_hashes(named, given, REGION)
    after = release_hashes(named, {**given, "ReportTimeZone": "Europe/Berlin"}, REGION)
    moved = {name for name in before if before[name] != after[name]}
    assert moved == with_check(readers("ViewsTable"))


def test_region_changes_the_settings_of_the_functions():
    given = {"Stage": "prod"}
    elsewhere = published(translated(), given, given, "eu-west-1")
    assert elsewhere == BY_PAGE


# ── What SAM makes of it ─────────────────────────────────────────────────────────────────────────


def version_of(template: Template, function: str) -> str:
    [version] = [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
        and resource["Properties"]["FunctionName"] == {"Ref": function}
    ]
    return version


def test_hash_is_in_the_versions_logical_id_and_in_the_functions_description():
    hashes = release_hashes(translated(), {"Stage": "prod"}, REGION)

    def write(template: Template) -> None:
        for function, written in hashes.items():
            template["Resources"][function]["Properties"]["AutoPublishCodeSha256"] = written

    after = translated_with(write)
    for function, written in hashes.items():
        assert re.fullmatch(r"[a-z][a-z0-9]{9,}", written), "a number to no YAML parser"
        assert version_of(after, function) == f"{function}Version{written[:10]}"
        properties = after["Resources"][function]["Properties"]
        described = translated()["Resources"][function]["Properties"].get("Description")
        assert described, f"{function}: set Description, to which SAM appends the hash."
        assert properties["Description"] == f"{described} {written}", "so Lambda publishes"
        assert len(properties["Description"]) <= 256
    check = after["Resources"][CHECK]["Properties"]["Environment"]["Variables"]
    assert check["API_VERSION"] == {"Ref": version_of(after, CHECKED)}


def test_plain_sam_deploy_does_not_see_a_changed_mapping_value_or_parameter():
    """docs/deploy.md describes this limitation. If this test fails, SAM has removed it."""

    def change(template: Template) -> None:
        template["Mappings"]["Stage"]["prod"]["LogLevel"] = "ERROR"

    before = {version_of(translated(), name) for name in IN_REGION}
    source = changed(change, load_template())
    after = translate(source, {"Stage": "prod", "EndpointUrl": "https://example.com"})
    assert {version_of(after, name) for name in IN_REGION} == before
