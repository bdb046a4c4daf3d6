"""The state machine's definition, and how it fits the function that it calls."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import msgspec

from daily_report.state import State
from daily_report.steps import LEASE
from tests.support.repository import ROOT, load_template

RESOURCES = load_template()["Resources"]
MACHINE = RESOURCES["DailyReportStateMachine"]["Properties"]
TEXT = (ROOT / MACHINE["DefinitionUri"]).read_text()
DEFINITION: dict[str, Any] = json.loads(TEXT)
STATES = DEFINITION["States"]


def test_definition_is_valid_for_step_functions():
    spec = find_spec("cfnlint")
    assert spec
    assert spec.origin
    schema = Path(spec.origin).parent / "data/schemas/other/step_functions/statemachine.json"
    jsonschema.Draft7Validator(json.loads(schema.read_text())).validate(DEFINITION)


def test_every_state_is_reached_and_leads_somewhere():
    reached, to_visit = set[str](), [DEFINITION["StartAt"]]
    while to_visit:
        name = to_visit.pop()
        if name in reached:
            continue
        reached.add(name)
        state = STATES[name]
        leads_to = [state.get("Next"), state.get("Default")]
        leads_to += [choice["Next"] for choice in state.get("Choices", [])]
        to_visit += filter(None, leads_to)
        assert any(leads_to) or state["Type"] == "Succeed", name
    assert reached == STATES.keys()


def test_template_substitutes_exactly_what_the_definition_names():
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == MACHINE["DefinitionSubstitutions"].keys()


def test_no_task_times_out_before_its_function():
    timeout = RESOURCES["DailyReportFunction"]["Properties"]["Timeout"]
    assert STATES["Step"]["TimeoutSeconds"] >= timeout + 10, "a cold start comes on top"


def test_step_is_retried_after_any_failure_within_its_claim():
    [retry] = STATES["Step"]["Retry"]
    assert retry["ErrorEquals"] == ["States.ALL"]
    assert retry["JitterStrategy"] == "FULL"
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for number in range(retry["MaxAttempts"])
    ]
    longest = STATES["Step"]["TimeoutSeconds"] * (retry["MaxAttempts"] + 1) + sum(waits)
    assert longest < LEASE.total_seconds()


def test_first_step_gets_what_the_function_takes():
    """From the schedule's input, and from none; and a state passes through unchanged."""
    begin = STATES["Begin"]
    context = {
        "$$.Execution.Id": "arn:aws:states:eu-central-1:1:execution:a:b",
        "$$.Execution.StartTime": "2026-11-21T03:04:12.345Z",
    }
    run = {name.removesuffix(".$"): context[at] for name, at in begin["Parameters"].items()}
    assert begin["ResultPath"] == "$.run"
    schedule = MACHINE["Events"]["Daily"]["Properties"]
    scheduled = json.loads(
        schedule["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-20T23:58:00Z")
    )
    assert msgspec.convert({**scheduled, "run": run}, State).date == "2026-11-20"
    assert msgspec.convert({"run": run}, State).date == "2026-11-21"
    in_berlin = run | {"started_at": "2026-11-21T00:30:00+01:00"}
    assert msgspec.convert({"run": in_berlin}, State).date == "2026-11-20", "the date is UTC"
    event = json.loads((ROOT / "events/scheduler_daily.json").read_text())
    assert event.keys() == {*scheduled, "run"}
    assert event["run"].keys() == run.keys()
