"""Sample applications of other teams, each on a laptop cloud of its own."""

from contextlib import AbstractContextManager
from pathlib import Path

from localcloud.outside_values import OutsideValues
from localcloud.running_application import RunningApplication
from tests.support import laptop_clouds

HERE = Path(__file__).parent


def running(
    name: str, outside: OutsideValues | None = None
) -> AbstractContextManager[RunningApplication]:
    """Build, deploy and run one of the applications."""
    return laptop_clouds.running(HERE / name / "template.yaml", outside=outside)
