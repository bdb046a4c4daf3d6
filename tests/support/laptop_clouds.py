"""An application that runs on a laptop cloud of its own."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from localcloud.application import Application
from localcloud.cloud import Cloud
from localcloud.outside_values import OutsideValues
from localcloud.running_application import RunningApplication, running_application
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port


@contextlib.contextmanager
def running(
    template: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    outside: OutsideValues | None = None,
) -> Iterator[RunningApplication]:
    """Build, deploy and run the application of a template."""
    cloud = Cloud("127.0.0.1", free_port())
    application = Application(
        template,
        f"{template.parent.name}-local",
        parameters or {},
        outside=outside or OutsideValues(),
    )
    with pytest.MonkeyPatch.context() as patch:
        for variable in OWN_ENVIRONMENT:
            patch.delenv(variable, raising=False)
        for variable, value in cloud.environment.items():
            patch.setenv(variable, value)
        console = Console(width=200)
        with running_application(
            application, cloud, free_port(), OWN_ENVIRONMENT, console
        ) as running:
            yield running
