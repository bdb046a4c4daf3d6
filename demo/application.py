"""The gallery as a stack on the laptop cloud: its name, and the parameters of its template."""

import sys
from collections.abc import Mapping
from typing import Final

from localcloud import deployment
from localcloud.cloud import Cloud
from localcloud.deployment import Report

STACK: Final = "lambda-gallery-local"


def parameters(cloud: Cloud) -> dict[str, str]:
    """The template's parameters for a deployment on this cloud."""
    return {**_build_parameters(), "EndpointUrl": cloud.endpoint}


def build(environment: Mapping[str, str], report: Report) -> dict[str, float]:
    """`deployment.build` of the gallery, for this machine."""
    # Only a Linux machine runs the wheels that Lambda runs (layers/build/layer.mk).
    wheels = {} if sys.platform == "linux" else {"LAYER_WHEELS": "host"}
    return deployment.build({**environment, **wheels}, report, _build_parameters())


def deploy(cloud: Cloud, report: Report) -> dict[str, str]:
    """`deployment.deploy` of the gallery."""
    return deployment.deploy(cloud, STACK, report, parameters(cloud))


def _build_parameters() -> dict[str, str]:
    return {"Stage": "local", "Architecture": deployment.architecture()}
