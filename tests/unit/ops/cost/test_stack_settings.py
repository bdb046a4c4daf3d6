import copy
from typing import Any

import pytest

from ops.cost.stack_settings import read_stack_settings
from tools.translate import load_template

type Template = dict[str, Any]

TEMPLATE = load_template()


@pytest.fixture
def template():
    return copy.deepcopy(TEMPLATE)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_template_is_read_for_its_stage(stage: str, template: Template):
    stack = read_stack_settings(template, {"Stage": stage})
    mapping = template["Mappings"]["Stage"][stage]
    resources = template["Resources"]
    assert stack.log_days == mapping["LogRetentionDays"]
    assert (
        stack.functions["ThumbnailerFunction"].memory
        == (resources["ThumbnailerFunction"]["Properties"]["MemorySize"])
    )
    assert stack.functions["GalleryApiFunction"].architecture == "arm64"
    assert stack.functions["GalleryApiFunction"].traced
    assert stack.functions["EdgeHeadersFunction"].architecture == "x86_64"
    assert not stack.functions["EdgeHeadersFunction"].traced
    assert (stack.provisioned_minimum > 0) == (stage == "prod")
    views = resources["ViewCounterFunction"]["Properties"]["Events"]["ViewsRecorded"]["Properties"]
    assert stack.views.batch_size == views["BatchSize"]
    assert stack.views.parallel_batches == views["ParallelizationFactor"]
    assert stack.throttles["POST /photos"] == 10
    assert stack.throttles["* /*"] == 100
    assert stack.backed_up_tables == {"PhotosTable", "CatalogTable", "ViewsTable"}
    assert stack.at_the_edge


def test_parameters_change_what_is_deployed(template: Template):
    stack = read_stack_settings(
        template,
        {"Stage": "prod", "ViewsShardCount": "7", "Architecture": "x86_64"},
    )
    assert stack.shards == 7
    assert stack.functions["ThumbnailerFunction"].architecture == "x86_64"


@pytest.mark.parametrize(
    ("views_api", "page", "through_url"),
    [
        ("rest", "cloudfront", False),
        ("function-url-prepared", "cloudfront", False),
        ("function-url", "cloudfront", True),
        ("function-url", "none", False),
    ],
)
def test_views_go_through_the_function_url_if_cloudfront_calls_it(
    template: Template, views_api: str, page: str, through_url: bool
):
    parameters = {"Stage": "prod", "ViewsApi": views_api, "Page": page}
    assert read_stack_settings(template, parameters).views_through_url == through_url


def test_memory_that_is_not_set_is_lambdas_default(template: Template):
    del template["Resources"]["ThumbnailerFunction"]["Properties"]["MemorySize"]
    template["Globals"]["Function"].pop("MemorySize", None)
    stack = read_stack_settings(template, {"Stage": "prod"})
    assert stack.functions["ThumbnailerFunction"].memory == 128


def test_an_on_demand_stream_has_no_shards_of_its_own(template: Template):
    stack = read_stack_settings(template, {"Stage": "prod", "ViewsStreamMode": "ON_DEMAND"})
    assert stack.on_demand_stream
    assert stack.shards == 0


def test_scaling_of_provisioned_concurrency_is_read(template: Template):
    given = {"ApiProvisionedConcurrency": "3", "ApiProvisionedConcurrencyMaximum": "30"}
    tracked = read_stack_settings(template, {"Stage": "prod", **given})
    assert (tracked.provisioned_minimum, tracked.provisioned_maximum) == (3, 30)
    cold = read_stack_settings(template, {"Stage": "prod", "ApiProvisionedConcurrency": "0"})
    assert (cold.provisioned_minimum, cold.provisioned_maximum) == (0, 0)
    assert tracked.alarm_metrics == cold.alarm_metrics + 2, "target tracking has two of its own"


def test_a_resource_whose_condition_is_false_is_not_there(template: Template):
    before = read_stack_settings(template, {"Stage": "dev"})
    template["Conditions"]["Never"] = {"Fn::Equals": ["yes", "no"]}
    template["Resources"]["Another"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Condition": "Never",
        "Properties": {},
    }
    assert read_stack_settings(template, {"Stage": "dev"}).alarm_metrics == before.alarm_metrics
    del template["Resources"]["Another"]["Condition"]
    assert read_stack_settings(template, {"Stage": "dev"}).alarm_metrics == before.alarm_metrics + 1


def test_an_alarm_is_billed_for_each_metric_that_it_watches(template: Template):
    before = read_stack_settings(template, {"Stage": "dev"}).alarm_metrics
    stat = {"Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors"}, "Stat": "Sum"}
    template["Resources"]["Another"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Metrics": [
                {"Id": "a", "MetricStat": stat},
                {"Id": "b", "MetricStat": stat},
                {"Id": "rate", "Expression": "a / b"},
            ]
        },
    }
    assert read_stack_settings(template, {"Stage": "dev"}).alarm_metrics == before + 2


def test_access_logs_dashboards_and_composite_alarms_are_seen(template: Template):
    api = template["Resources"]["GalleryApi"]["Properties"]
    api["AccessLogSetting"] = {"Fn::If": ["HasWebPage", {"Format": "{}"}, {"Ref": "AWS::NoValue"}]}
    template["Resources"]["Picture"] = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {}}
    template["Resources"]["All"] = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {}}
    before, stack = (
        read_stack_settings(TEMPLATE, {"Stage": "prod"}),
        read_stack_settings(template, {"Stage": "prod"}),
    )
    assert stack.access_logs
    assert stack.dashboards == before.dashboards + 1
    assert stack.composite_alarms == before.composite_alarms + 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Shards": "2"}, "no parameter 'Shards'; it has Stage"),
        ({"Stage": "production"}, "must be one of local, dev, prod, not 'production'"),
    ],
)
def test_an_invalid_parameter_is_named(
    parameters: dict[str, str], message: str, template: Template
):
    with pytest.raises(ValueError, match=message):
        read_stack_settings(template, parameters)
