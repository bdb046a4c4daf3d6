"""Two templates at once on one machine, in folders of the same name."""

import contextlib
import json
import signal
from pathlib import Path

import psutil

from localcloud.application import Application
from localcloud.cloud import STATE
from tests.applications.test_commands import await_line, outcome, started
from tests.support.waiting import awaited

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  WhoFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      InlineCode: "def handler(event, context): return 'NAME'"
"""


def test_two_templates_do_not_share_ports_state_builds_or_functions(tmp_path: Path):
    templates = {name: tmp_path / name / "shop" / "template.yaml" for name in ("one", "two")}
    ports = {}
    with contextlib.ExitStack() as cleanup:
        for name, template in templates.items():
            template.parent.mkdir(parents=True)
            template.write_text(TEMPLATE.replace("NAME", name))
        ups = {
            name: cleanup.enter_context(started("up", "--template", template))
            for name, template in templates.items()
        }
        for name, up in ups.items():
            output = "".join(await_line(up, "Ctrl-C ends"))
            ports[name] = output.partition("shop-local on http://127.0.0.1:")[2].split()[0]
        assert ports["one"] != ports["two"]
        for name, template in templates.items():
            assert who(template) == name
            owner = json.loads((STATE / ports[name] / "owner.json").read_text())
            assert owner["template"] == str(template)
        one, two = (Application(each, "shop-local").folder for each in templates.values())
        assert one != two
        assert (one / "build" / "template.yaml").is_file()
        assert (two / "build" / "template.yaml").is_file()

        assert outcome("down", "--template", templates["one"])[0] == 0
        ups["one"].wait(timeout=120)
        assert who(templates["two"]) == "two"

        processes = psutil.Process(ups["two"].pid).children(recursive=True)
        assert processes
        ups["two"].send_signal(signal.SIGINT)  # Ctrl-C
        assert ups["two"].wait(timeout=120) == 0
    awaited(lambda: not any(each.is_running() for each in processes))


def who(template: Path) -> str:
    event = template.parent / "event.json"
    event.write_text("{}")
    status, output = outcome("invoke", "WhoFunction", event, "--template", template)
    assert status == 0, output
    return str(json.loads(output.strip().splitlines()[-1]))
