"""The rows of docs/aws-unproven.md that a program can check on a deployed stack, and the report."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from demo.client import Gallery

type Resources = dict[str, tuple[str, str]]
"""Type and physical id of each of the stack's resources, by logical id."""

MISSING_PHOTO: Final = "/photos/00000000-0000-7000-8000-000000000000/none/thumb.webp"

# The edge function gives up a look-up after a second, and its page without preload lives as long.
PAGE_ATTEMPTS: Final = 5
PAGE_SECONDS: Final = 1.1


class DiffersError(Exception):
    """AWS behaves differently than assumed; the message says how."""


class NotSeenError(Exception):
    """The stack cannot show it, or not yet; the message says why."""


class Deployed(NamedTuple):
    """A stack, and a photo in it that is READY and listed."""

    client: Callable[[str], Any]
    stack: str
    outputs: Mapping[str, str]
    owner: Gallery
    stranger: Gallery
    photo_id: str

    @property
    def has_page(self) -> bool:
        return self.outputs["DistributionId"] != "none"

    def resources(self) -> Resources:
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"])
            for page in pages.paginate(StackName=self.stack)
            for each in page["StackResourceSummaries"]
        }


class Check(NamedTuple):
    """One row; `run` answers what it saw if that is what the page assumes."""

    expected: str
    run: Callable[[Deployed], str]
    on_laptop: bool = False


class Result(NamedTuple):
    row: str
    expected: str
    seen: str
    verdict: str


def check_all(deployed: Deployed, *, on_laptop: bool) -> list[Result]:
    """Every check that makes sense there; none stops the others."""
    results = []
    for row, check in CHECKS.items():
        if on_laptop and not check.on_laptop:
            continue
        try:
            seen, verdict = check.run(deployed), "as assumed"
        except DiffersError as difference:
            seen, verdict = str(difference), "DIFFERS"
        except NotSeenError as reason:
            seen, verdict = str(reason), "not seen"
        except (BotoCoreError, ClientError) as error:  # the caller may lack the right to look
            seen, verdict = str(error), "not seen"
        results.append(Result(row, check.expected, seen, verdict))
    return results


def report(stack: str, results: list[Result]) -> str:
    """A Markdown table to paste into an issue."""
    rows = [
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in each) + " |"
        for each in results
    ]
    return "\n".join(
        [
            f"What `docs/aws-unproven.md` assumes, on stack `{stack}`:",
            "",
            "| row | expected | seen | verdict |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def one_stage(deployed: Deployed) -> str:
    stages = deployed.client("apigateway").get_stages(restApiId=deployed.outputs["ApiId"])
    return _same([each["stageName"] for each in stages["item"]], ["api"])


def gateway_validates(deployed: Deployed) -> str:
    answer = deployed.owner.request("POST", "/photos", json={"title": ""})
    if (answer.status_code, answer.headers.get("content-type")) != (
        400,
        "application/problem+json",
    ):
        raise DiffersError(
            f"{answer.status_code} {answer.headers.get('content-type')}: {answer.text}"
        )
    problem = answer.json()
    if "errors" in problem:
        raise DiffersError(f"the function answered: {answer.text}")
    return f"the gateway answered: {answer.text}"


def photo_page_query(deployed: Deployed) -> str:
    if not deployed.has_page:
        raise NotSeenError("the stack has no page")
    for attempt in range(PAGE_ATTEMPTS):
        if attempt:
            time.sleep(PAGE_SECONDS)
        page = deployed.stranger.fetch(f"/photo.html?id={deployed.photo_id}")
        link = page.headers.get("link", "")
        if page.status_code == 200 and "rel=preload" in link:
            return f"Link: {link}"
    robots = page.headers.get("x-robots-tag")
    raise DiffersError(f"{page.status_code}, Link: {link!r}, X-Robots-Tag: {robots!r}")


def missing_object(deployed: Deployed) -> str:
    if not deployed.has_page:
        raise NotSeenError("the stack has no page")
    return _same(deployed.stranger.fetch(MISSING_PHOTO).status_code, 404)


def origin_secret(deployed: Deployed) -> str:
    """Compares without printing the secret."""
    if not deployed.has_page:
        raise NotSeenError("the stack has no page")
    id_ = deployed.outputs["DistributionId"]
    config = deployed.client("cloudfront").get_distribution_config(Id=id_)["DistributionConfig"]
    sent = [
        header["HeaderValue"]
        for origin in config["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
        if header["HeaderName"].lower() == "referer"
    ]
    api = deployed.client("apigateway").get_rest_api(restApiId=deployed.outputs["ApiId"])
    if "{{resolve" in api["policy"] + "".join(sent):
        raise DiffersError("CloudFormation has not resolved a reference")
    if len(sent) != 1 or sent[0] not in api["policy"]:
        raise DiffersError("the policy does not accept what CloudFront sends")
    return "the policy accepts what CloudFront sends"


def live_version(deployed: Deployed) -> str:
    alias = deployed.client("lambda").get_alias(
        FunctionName=deployed.outputs["GalleryApiFunctionName"], Name="live"
    )
    if alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        raise NotSeenError("a release is in progress")
    return _same(
        alias["FunctionVersion"], deployed.outputs["GalleryApiVersionArn"].rpartition(":")[2]
    )


def dashboard_characters(deployed: Deployed) -> str:
    [name] = [
        physical
        for kind, physical in deployed.resources().values()
        if kind == "AWS::CloudWatch::Dashboard"
    ]
    body = deployed.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    texts = [
        str(each["properties"]["markdown"])
        for each in json.loads(body)["widgets"]
        if each["type"] == "text"
    ]
    arrows = [each for each in texts if "→" in each]
    if not arrows:
        raise DiffersError("; ".join(texts))
    return arrows[0]


def included_files(deployed: Deployed) -> str:
    template = deployed.client("cloudformation").get_template(
        StackName=deployed.stack, TemplateStage="Original"
    )["TemplateBody"]
    text = template if isinstance(template, str) else json.dumps(template)
    count = text.count("AWS::Include")
    if not count:
        raise NotSeenError("the stack was not deployed from template.yaml: it includes no file")
    return f"CloudFormation included {count} files"


def stream_mappings(deployed: Deployed) -> str:
    client = deployed.client("lambda")
    mappings = {
        name: client.get_event_source_mapping(UUID=physical)
        for name, (kind, physical) in deployed.resources().items()
        if kind == "AWS::Lambda::EventSourceMapping"
    }
    text = "; ".join(
        f"{name}: {each['State']}, {each.get('LastProcessingResult')}"
        for name, each in sorted(mappings.items())
    )
    if "PROBLEM" in text or any(each["State"] != "Enabled" for each in mappings.values()):
        raise DiffersError(text)
    return text


def codedeploy_alarms(deployed: Deployed) -> str:
    deployment, group = _last_release(deployed)
    text = f"{deployment['status']} {deployment.get('errorInformation', '')}".strip()
    if not group["alarmConfiguration"]["enabled"]:
        raise DiffersError("the deployment group has no alarms")
    if deployment["status"] in {"Failed", "Stopped"}:
        raise DiffersError(text)
    return text


def release_check_order(deployed: Deployed) -> str:
    deployment, _ = _last_release(deployed)
    spec = deployment["revision"].get("appSpecContent") or deployment["revision"].get("string")
    target = _target_version(json.loads(spec["content"]))
    deployment_id = deployment["deploymentId"]
    _, group = deployed.resources()["ReleaseCheckLogGroup"]
    found = deployed.client("logs").filter_log_events(
        logGroupName=group,
        startTime=int(deployment["createTime"].timestamp() * 1000),
        filterPattern=f'{{ $.api_version = * && $.deployment_id = "{deployment_id}" }}',
    )["events"]
    if not found:
        raise NotSeenError(f"no verdict of {deployment_id} in the logs")
    checked = json.loads(found[-1]["message"])["api_version"].rpartition(":")[2]
    if checked != target:
        raise DiffersError(f"checked version {checked}, released version {target}")
    return f"checked and released version {target}"


def state_machine_logs(deployed: Deployed) -> str:
    machine = deployed.client("stepfunctions").describe_state_machine(
        stateMachineArn=deployed.outputs["DailyReportStateMachineArn"]
    )
    logging = machine["loggingConfiguration"]
    groups = [
        each["cloudWatchLogsLogGroup"]["logGroupArn"] for each in logging.get("destinations", [])
    ]
    if logging["level"] != "ERROR" or not groups:
        raise DiffersError(json.dumps(logging))
    return f"{machine['status']}, errors to {groups[0]}"


def schedule_runs(deployed: Deployed) -> str:
    found = deployed.client("stepfunctions").list_executions(
        stateMachineArn=deployed.outputs["DailyReportStateMachineArn"], maxResults=1
    )["executions"]
    if not found:
        raise NotSeenError("no execution yet: the schedule starts one a day")
    [last] = found
    if last["status"] not in {"SUCCEEDED", "RUNNING"}:
        raise DiffersError(f"{last['name']}: {last['status']}")
    return f"{last['name']}: {last['status']}"


def alarm_metrics(deployed: Deployed) -> str:
    names = [
        physical
        for kind, physical in deployed.resources().values()
        if kind == "AWS::CloudWatch::Alarm"
    ]
    client = deployed.client("cloudwatch")
    pages = client.get_paginator("describe_alarms").paginate(AlarmNames=names[:100])
    alarms = [each for page in pages for each in page["MetricAlarms"] if "MetricName" in each]
    if not alarms:
        raise NotSeenError("no alarm on a single metric")
    unknown = sorted(
        {
            f"{each['Namespace']} {each['MetricName']}"
            for each in alarms
            if not client.list_metrics(
                Namespace=each["Namespace"],
                MetricName=each["MetricName"],
                Dimensions=each["Dimensions"],
            )["Metrics"]
        }
    )
    if unknown:
        raise NotSeenError(f"not published so far: {', '.join(unknown)}")
    return f"all metrics of {len(alarms)} alarms are published"


def provisioned_concurrency(deployed: Deployed) -> str:
    found = deployed.client("lambda").list_provisioned_concurrency_configs(
        FunctionName=deployed.outputs["GalleryApiFunctionName"]
    )["ProvisionedConcurrencyConfigs"]
    if not found:
        raise NotSeenError("the stack has no provisioned concurrency")
    states = [f"{each['FunctionArn'].rpartition(':')[2]}: {each['Status']}" for each in found]
    if any("FAILED" in each for each in states):
        raise DiffersError(", ".join(states))
    return ", ".join(states)


def _same(seen: object, expected: object) -> str:
    if seen != expected:
        raise DiffersError(str(seen))
    return str(seen)


def _last_release(deployed: Deployed) -> tuple[dict[str, Any], dict[str, Any]]:
    """CodeDeploy's newest deployment of the API, and its group."""
    client, resources = deployed.client("codedeploy"), deployed.resources()
    found = {kind: name for kind, name in resources.values() if kind.startswith("AWS::CodeDeploy")}
    if "AWS::CodeDeploy::DeploymentGroup" not in found:
        raise NotSeenError("the stack releases without CodeDeploy")
    names = {
        "applicationName": found["AWS::CodeDeploy::Application"],
        "deploymentGroupName": found["AWS::CodeDeploy::DeploymentGroup"],
    }
    ids = client.list_deployments(**names)["deployments"]
    if not ids:
        raise NotSeenError("no release yet: the first deployment creates the alias without one")
    deployments = [client.get_deployment(deploymentId=each)["deploymentInfo"] for each in ids[:10]]
    newest = max(deployments, key=lambda each: each["createTime"])
    return newest, client.get_deployment_group(**names)["deploymentGroupInfo"]


def _target_version(spec: Mapping[str, Any]) -> str:
    """The version to which the deployment's AppSpec moves the alias."""
    [resource] = spec["Resources"]
    [function] = resource.values()
    return str(function["Properties"]["TargetVersion"])


CHECKS: Final[dict[str, Check]] = {
    "one-stage": Check("the API has the stage api only", one_stage, on_laptop=True),
    "gateway-validates": Check("400 from the gateway, without the function", gateway_validates),
    "photo-page-query": Check("a photo's page has a preload", photo_page_query, on_laptop=True),
    "missing-object": Check("404 for a missing rendition", missing_object, on_laptop=True),
    "origin-secret": Check("API and CloudFront have one value", origin_secret, on_laptop=True),
    "live-version": Check("live is the stack's version", live_version, on_laptop=True),
    "dashboard-characters": Check("arrows in headings", dashboard_characters, on_laptop=True),
    "included-files": Check("every file is included", included_files),
    "stream-mappings": Check("both mappings are enabled, no problem", stream_mappings),
    "codedeploy-alarms": Check("the last release ended well, alarms on", codedeploy_alarms),
    "release-check-order": Check("release_check asks the new version", release_check_order),
    "state-machine-logs": Check("level ERROR, one log group", state_machine_logs),
    "schedule-runs": Check("the last daily report ended well", schedule_runs),
    "alarm-metrics": Check("every alarm's metric exists", alarm_metrics),
    "provisioned-concurrency": Check("READY or IN_PROGRESS", provisioned_concurrency),
}
"""By row of docs/aws-unproven.md."""
