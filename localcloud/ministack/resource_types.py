"""Which resources of a template ministack does not support; without ministack, on dictionaries.

It runs inside ministack's process too, which has only the standard library and ministack.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

LEFT_OUT: Final = "left out"
WITHOUT_EFFECT: Final = "accepted without effect"
REFUSED: Final = "refused"
CHANGED: Final = "changed"

_WITHOUT_EFFECT: Final = {
    "AWS::Backup::BackupPlan": "no backup is made",
    "AWS::CodeBuild::Project": "no build runs",
    "AWS::DocDB::DBCluster": "no database runs",
    "AWS::DocDB::DBInstance": "no database runs",
    "AWS::EC2::SecurityGroup": "functions use the network of this machine",
    "AWS::EC2::Subnet": "functions use the network of this machine",
    "AWS::EC2::VPC": "functions use the network of this machine",
    "AWS::EC2::VPCEndpoint": "functions use the network of this machine",
    "AWS::ECS::Service": "no container runs",
    "AWS::ECS::TaskDefinition": "no container runs",
    "AWS::EFS::FileSystem": "no file system is mounted",
    "AWS::EKS::Cluster": "no container runs",
    "AWS::ElastiCache::CacheCluster": "no cache runs",
    "AWS::ElastiCache::ReplicationGroup": "no cache runs",
    "AWS::OpenSearchService::Domain": "no search engine runs",
    "AWS::RDS::DBCluster": "no database runs",
    "AWS::RDS::DBInstance": "no database runs",
    "AWS::WAFv2::WebACL": "requests are not inspected",
}
_BY_FUNCTION: Final = "a function in its place works here"
_ACCOUNT: Final = "000000000000"
_POLLED: Final = ("dynamodb", "kinesis", "sqs")
_LAYER: Final = re.compile(r"arn:.*:(\d{12}):layer:")
_SERVICE: Final = re.compile(r":([a-z0-9.-]+):(?:action|path)/")
_INTEGRATION: Final = "x-amazon-apigateway-integration"
_SUBSTITUTED: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")

type Json = Any
type Template = Mapping[str, Any]


class Limitation(NamedTuple):
    """A resource that is not as on AWS; `outcome` is one of the four constants."""

    logical_id: str
    type: str
    outcome: str
    reason: str


def mistakes(template: Template) -> list[str]:
    """Sentences about what CloudFormation would refuse in a translated template."""
    resources = template.get("Resources")
    if not isinstance(resources, Mapping):
        return ["It has no Resources section."]
    found = [
        f"{name} has no Type."
        for name, resource in resources.items()
        if not isinstance(resource, Mapping) or not isinstance(resource.get("Type"), str)
    ]
    if found:
        return found
    defined = {*resources, *(template.get("Parameters") or {})}
    users = {f"{name} refers": each.get("Properties", {}) for name, each in resources.items()}
    outputs = template.get("Outputs") or {}
    users |= {f"Output {name} refers": each for name, each in outputs.items()}
    return [
        f"{user} to {name}, which is neither a resource nor a parameter."
        for user, node in users.items()
        for name in sorted(set(_references(node)) - defined)
        if not name.startswith("AWS::")
    ]


def limitations(
    template: Template, conditions: Mapping[str, bool], known: Collection[str], python: str
) -> list[Limitation]:
    """What of a translated template is not as on AWS, by logical id.

    `known` are the resource types of ministack, `python` is the runtime that functions run on, such
    as `python3.13`.
    """
    resources = _created(template, conditions)
    unknown = _unknown(resources, known)
    referring = _referring(resources, unknown)
    found = []
    for name, resource in sorted(resources.items()):
        kind = resource["Type"]
        if name in referring:
            reason = f"localcloud does not know the type, and {referring[name]} refers to it"
            found.append(Limitation(name, kind, REFUSED, reason))
        elif name in unknown:
            found.append(Limitation(name, kind, LEFT_OUT, "localcloud does not know the type"))
        elif kind in _WITHOUT_EFFECT:
            found.append(Limitation(name, kind, WITHOUT_EFFECT, _WITHOUT_EFFECT[kind]))
        elif resource.get("Properties", {}).get("TumblingWindowInSeconds"):
            found.append(Limitation(name, kind, REFUSED, "tumbling windows are not modelled"))
        elif kind == "AWS::Lambda::EventSourceMapping" and not _is_polled(resource):
            found.append(Limitation(name, kind, WITHOUT_EFFECT, "nothing polls its event source"))
        elif integrated := _without_integration(kind, resource.get("Properties", {})):
            services = ", ".join(integrated)
            reason = f"no integration with {services}: requests for it fail; {_BY_FUNCTION}"
            found.append(Limitation(name, kind, WITHOUT_EFFECT, reason))
        elif kind == "AWS::Pipes::Pipe":
            if gaps := list(_of_pipe(resource.get("Properties", {}), resources)):
                reason = f"{', '.join(gaps)}; {_BY_FUNCTION}"
                found.append(Limitation(name, kind, WITHOUT_EFFECT, reason))
        elif kind == "AWS::Lambda::Function":
            properties = resource.get("Properties", {})
            found += [Limitation(name, kind, *each) for each in _of_function(properties, python)]
    return found


def imported(template: Template, conditions: Mapping[str, bool]) -> list[Json]:
    """The arguments of Fn::ImportValue in the resources and outputs that are created."""

    def arguments(node: Json) -> Iterator[Json]:
        match node:
            case {"Fn::ImportValue": name}:
                yield name
            case {"Fn::If": [str(condition), if_true, if_false]} if condition in conditions:
                yield from arguments(if_true if conditions[condition] else if_false)
            case dict():
                for value in node.values():
                    yield from arguments(value)
            case list():
                for value in node:
                    yield from arguments(value)

    sections = ("Resources", "Outputs")
    return list(arguments([_created(template, conditions, section) for section in sections]))


def nested_parameters(
    template: Template, conditions: Mapping[str, bool], values: Mapping[str, str]
) -> dict[str, dict[str, str | None]]:
    """The parameters of each nested stack; None for what only the deployment knows."""

    def value(given: Json) -> str | None:
        match given:
            case {"Ref": str(name)}:
                return values.get(name)
            case str() | int() | float():
                return str(given)
        return None

    return {
        name: {key: value(each) for key, each in _parameters(resource).items()}
        for name, resource in _created(template, conditions).items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }


def _parameters(nested: Mapping[str, Any]) -> Mapping[str, Json]:
    return nested.get("Properties", {}).get("Parameters") or {}


def without_left_out(
    template: Template, conditions: Mapping[str, bool], known: Collection[str]
) -> dict[str, Any]:
    """A translated template without the resources that `limitations` says are left out.

    Outputs, DependsOn and UpdatePolicy may refer to them, and are removed too.
    """
    created = _created(template, conditions)
    unknown = _unknown(created, known)
    removed = unknown - _referring(created, unknown).keys()
    kept = {
        name: _without_order(resource, removed)
        for name, resource in template.get("Resources", {}).items()
        if name not in removed
    }
    outputs = {
        name: output
        for name, output in template.get("Outputs", {}).items()
        if not removed & set(_references(output))
    }
    rest = {name: section for name, section in template.items() if name != "Outputs"}
    return {**rest, "Resources": kept, **({"Outputs": outputs} if outputs else {})}


def _created(
    template: Template, conditions: Mapping[str, bool], section: str = "Resources"
) -> dict[str, Any]:
    """The members of a section whose condition, if they have one, is true."""
    return {
        name: resource
        for name, resource in template.get(section, {}).items()
        if conditions.get(resource.get("Condition", ""), True)
    }


def _unknown(resources: Mapping[str, Any], known: Collection[str]) -> set[str]:
    return {
        name
        for name, resource in resources.items()
        if resource["Type"] not in known and not resource["Type"].startswith("Custom::")
    }


def _referring(resources: Mapping[str, Any], unknown: Collection[str]) -> dict[str, str]:
    """The unknown resources that known ones refer to, each with the first that does."""
    return {
        target: name
        for name, resource in sorted(resources.items(), reverse=True)
        if name not in unknown
        for target in _references(resource.get("Properties", {}))
        if target in unknown
    }


def _without_order(resource: Mapping[str, Any], removed: Collection[str]) -> dict[str, Any]:
    kept = dict(resource)
    before = kept.pop("DependsOn", [])
    before = [before] if isinstance(before, str) else before
    if remaining := [each for each in before if each not in removed]:
        kept["DependsOn"] = remaining
    if set(removed) & set(_references(kept.get("UpdatePolicy", {}))):
        del kept["UpdatePolicy"]
    return kept


def _references(node: Json) -> Iterator[str]:
    """The logical ids, and parameters, that a part of a template refers to."""
    match node:
        case {"Ref": str(name), **rest} if not rest:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::GetAtt": str(name)}:
            yield name.partition(".")[0]
        case {"Fn::Sub": str(text)}:
            yield from _SUBSTITUTED.findall(text)
        case {"Fn::Sub": [str(text), dict(values)]}:
            yield from (each for each in _SUBSTITUTED.findall(text) if each not in values)
            yield from _references(values)
        case dict():
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)


def _is_polled(mapping: Mapping[str, Any]) -> bool:
    """Whether the event source is a stream or a queue; a resource of this stack counts as one."""
    properties = mapping.get("Properties", {})
    source = properties.get("EventSourceArn")
    if not isinstance(source, str) or not source.startswith("arn:"):
        return "SelfManagedEventSource" not in properties
    return source.split(":")[2] in _POLLED


def _without_integration(kind: str, properties: Mapping[str, Any]) -> list[str]:
    """The integrations of an API, or of a part of it, that ministack does not have."""
    match kind:
        case "AWS::ApiGateway::RestApi" | "AWS::ApiGatewayV2::Api":
            paths = (properties.get("Body") or {}).get("paths") or {}
            written = [
                operation[_INTEGRATION]
                for operations in paths.values()
                for operation in operations.values()
                if isinstance(operation, Mapping) and _INTEGRATION in operation
            ]
            found = [
                (each.get("integrationSubtype"), each.get("type"), each.get("uri"))
                for each in written
            ]
        case "AWS::ApiGateway::Method":
            each = properties.get("Integration") or {}
            found = [(None, each.get("Type"), each.get("Uri"))]
        case "AWS::ApiGatewayV2::Integration":
            found = [(properties.get("IntegrationSubtype"), None, None)]
        case _:
            return []
    named = {subtype or _service(str(type_), uri) for subtype, type_, uri in found}
    return sorted(filter(None, named))


def _service(integration_type: str, uri: Json) -> str | None:
    """The AWS service that a REST API calls without a function, if ministack cannot."""
    if integration_type.upper() != "AWS":
        return None
    uri = "".join(_strings(uri))
    named = _SERVICE.search(uri)
    if not named or named[1] == "lambda" or ":sqs:path/" in uri:
        return None
    return named[1]


def _of_pipe(properties: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[str]:
    """What of a pipe ministack does not do; it copies records of a DynamoDB stream."""
    source = _service_named(properties.get("Source"), resources)
    if source not in (None, "dynamodb"):
        yield f"its source {source} is not read"
    target = _service_named(properties.get("Target"), resources)
    if target not in (None, "sns", "states", "stepfunctions"):
        yield f"its target {target} gets nothing"
    if "Enrichment" in properties:
        yield "its enrichment is left out"
    if "FilterCriteria" in (properties.get("SourceParameters") or {}):
        yield "its filter is left out"
    if "InputTemplate" in (properties.get("TargetParameters") or {}):
        yield "its input template is left out"


def _service_named(node: Json, resources: Mapping[str, Any]) -> str | None:
    """The service of an ARN, or of the resource that is referred to; None if it is not known."""
    text = _text(node)
    if text.startswith("arn:"):
        return text.split(":")[2]
    kinds = [resources[each]["Type"] for each in _references(node) if each in resources]
    return kinds[0].split("::")[1].lower() if kinds else None


def _strings(node: Json) -> Iterator[str]:
    match node:
        case str():
            yield node
        case dict():
            for value in node.values():
                yield from _strings(value)
        case list():
            for value in node:
                yield from _strings(value)


def _text(node: Json) -> str:
    """A literal, or the text of a Fn::Sub with its `${…}` as they are."""
    match node:
        case {"Fn::Sub": str(text)} | str(text):
            return text
    return ""


def _of_function(properties: Mapping[str, Any], python: str) -> Iterator[tuple[str, str]]:
    runtime = str(properties.get("Runtime", ""))
    if properties.get("PackageType") == "Image":
        yield REFUSED, "localcloud runs no container images"
    elif runtime.startswith("python3.") and runtime != python:
        yield CHANGED, f"{runtime} is built for and runs on {python}"
    elif not runtime.startswith(("python3.", "provided")):
        yield WITHOUT_EFFECT, f"{runtime} does not run here; invocations fail"
    for layer in properties.get("Layers") or []:
        account = _LAYER.match(_text(layer))
        if account and account[1] != _ACCOUNT:
            yield WITHOUT_EFFECT, f"layer of account {account[1]}: its files are not here"
    for mounted in properties.get("FileSystemConfigs") or []:
        yield WITHOUT_EFFECT, f"{mounted.get('LocalMountPath')}: no file system is mounted"
    if "VpcConfig" in properties:
        yield WITHOUT_EFFECT, "VpcConfig: functions use the network of this machine"
