"""The examples of `examples/`, each on a laptop cloud of its own."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from localcloud.running_application import RunningApplication
from tests.support import laptop_clouds
from tests.support.repository import ROOT


def running(
    name: str, parameters: Mapping[str, str] | None = None
) -> AbstractContextManager[RunningApplication]:
    """Build, deploy and run one of the examples."""
    return laptop_clouds.running(ROOT / "examples" / name / "template.yaml", parameters=parameters)
