"""What ministack leaves out of a deployment, put back; runs inside of ministack's process."""

import threading
from typing import Any


def install() -> None:
    """Replace the two functions of ministack's that are in the way."""
    _transform_with_parameters()
    _keep_failures_of_aliases()


def _transform_with_parameters() -> None:
    """Have the SAM transform know the stack's parameters, as CloudFormation's does.

    ministack gives it none, and so what a stage switches off in the transform would stay on.
    """
    from ministack.services.cloudformation import changesets, engine, handlers  # noqa: PLC0415
    from samtranslator.translator import transform as sam  # noqa: PLC0415

    translate, apply_transforms, lock = sam.transform, engine._apply_transforms, threading.Lock()  # noqa: SLF001

    def apply(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        values = engine._transform_parameters(template, provided, previous)  # noqa: SLF001
        with lock:
            sam.transform = lambda source, _, policies: translate(source, values, policies)
            return apply_transforms(template, provided, previous)

    for module in (engine, changesets, handlers):
        module._apply_transforms = apply  # noqa: SLF001


def _keep_failures_of_aliases() -> None:
    """Have an event that fails under an alias retried and kept as the alias says.

    ministack asks the version behind the alias, which says nothing, and the event would be lost.
    """
    from ministack.services import lambda_svc  # noqa: PLC0415

    invoke = lambda_svc.invoke_async_with_retry

    def invoke_as_alias_says(invoked: dict[str, Any], event: dict[str, Any]) -> None:
        config = invoked["config"]
        function = lambda_svc._functions[config["FunctionName"]]  # noqa: SLF001
        settings = function["event_invoke_configs"]
        for name, alias in function["aliases"].items():
            if name in settings and alias["FunctionVersion"] == config["Version"]:
                invoked = {**invoked, "event_invoke_config": settings[name]}
        invoke(invoked, event)

    lambda_svc.invoke_async_with_retry = invoke_as_alias_says
