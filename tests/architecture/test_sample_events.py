"""events/README.md lists every sample event, each with a function of the template."""

from tests.support.repository import load_template
from tests.support.sample_events import EVENTS, sample_events


def test_every_event_is_listed_once():
    files = sorted(file.stem for file in EVENTS.glob("*.json"))
    assert sorted(event.name for event in sample_events()) == files


def test_every_function_has_an_event():
    resources = load_template()["Resources"]
    functions = {
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    tried = {event.function for event in sample_events()}
    assert tried == functions, (
        f"{sorted(tried ^ functions)}: every function of template.yaml, and no other, has a sample"
        " event. Add or remove its file in events/ and its row in events/README.md."
    )
