"""The gallery as an application of the laptop cloud: its stack's name and its parameters."""

import sys
from collections.abc import Mapping
from typing import Final

from localcloud import deployment
from localcloud.application import Application
from localcloud.cloud import ROOT, STATE, Cloud
from localcloud.deployment import Report
from ops import publish_site

STACK: Final = "lambda-gallery-local"
_TEMPLATE: Final = ROOT / "template.yaml"
_BUILDS: Final = STATE  # as in samconfig.toml for stage local, so that both share a cache
ARTIFACTS: Final = Application(_TEMPLATE, STACK, builds=_BUILDS).artifacts
"""The folder of what sam build makes for the laptop cloud."""


def gallery(cloud: Cloud) -> Application:
    """The gallery with the template's parameters for a deployment on this cloud."""
    parameters = {
        "Stage": "local",
        "Architecture": deployment.architecture(),
        "EndpointUrl": cloud.endpoint,
    }
    return Application(_TEMPLATE, STACK, parameters, _BUILDS)


def build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the gallery's layers are built for this machine."""
    # Lambda's wheels run only on Linux (layers/build/layer.mk).
    wheels = {} if sys.platform == "linux" else {"LAYER_WHEELS": "host"}
    return {**environment, **wheels}


def build(cloud: Cloud, environment: Mapping[str, str], report: Report) -> dict[str, float]:
    """`deployment.build` of the gallery."""
    return deployment.build(gallery(cloud), build_environment(environment), report)


def deploy(cloud: Cloud, report: Report) -> dict[str, str]:
    """`deployment.deploy` of the gallery."""
    return deployment.deploy(cloud, gallery(cloud), report)


def publish_page(
    cloud: Cloud, outputs: Mapping[str, str], user: str = "", password: str = ""
) -> None:
    """Publish the page of the deployed gallery; its sign-in dialog shows this user, if any."""
    publish_site.publish(
        publish_site.Site(
            cloud.client("s3"),
            cloud.client("cloudfront"),
            outputs,
            demo_user=user,
            demo_password=password,
        )
    )
