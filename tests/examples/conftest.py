"""The examples of `examples/`, each on a laptop cloud of its own."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager

from localcloud import invocation
from localcloud.invocation import InvocationAnswer
from localcloud.running_application import RunningApplication
from tests.support import laptop_clouds
from tests.support.repository import ROOT

EXAMPLES = ROOT / "examples"


def running(
    name: str, parameters: Mapping[str, str] | None = None
) -> AbstractContextManager[RunningApplication]:
    """Build, deploy and run one of the examples."""
    return laptop_clouds.running(EXAMPLES / name / "template.yaml", parameters=parameters)


def documented_answers(application: RunningApplication, name: str) -> list[InvocationAnswer]:
    """The answers to the sample events that the README of an example invokes its functions with."""
    readme = (EXAMPLES / name / "README.md").read_text()
    commands = re.findall(r"^\$ \S+ -m localcloud invoke (\w+) (\S+)", readme, re.MULTILINE)
    return [
        invocation.invoke(
            application.cloud,
            application.stack.function_name(function),
            (ROOT / file).read_bytes(),
        )
        for function, file in commands
    ]
