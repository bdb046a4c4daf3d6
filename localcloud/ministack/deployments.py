"""Closes gaps of ministack's CloudFormation; runs inside ministack's process."""

import threading
from contextvars import ContextVar
from typing import Any, Final

_TAGS_READ_AS_TEXT: Final = {
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "timestamp")
}


def install() -> None:
    """Replace ministack's functions that behave differently."""
    _read_keys_as_text()
    transform_with_parameters()
    _leave_out_unknown_types()
    _transform_nested_stacks()
    _keep_attributes_in_nested_stacks()
    _keep_failures_of_aliases()


def _read_keys_as_text() -> None:
    """Read keys such as the status codes of an OpenAPI document as text, as CloudFormation does.

    ministack refuses the template of a stack with a key that YAML reads as a number.
    """
    from ministack.services.cloudformation import engine  # noqa: PLC0415

    construct = engine.CfnLoader.construct_mapping

    def construct_with_text(loader: Any, node: Any, deep: bool = False) -> Any:
        loader.flatten_mapping(node)
        for key, _ in node.value:
            if key.tag in _TAGS_READ_AS_TEXT:
                key.tag = "tag:yaml.org,2002:str"
        return construct(loader, node, deep)

    engine.CfnLoader.construct_mapping = construct_with_text


def transform_with_parameters() -> None:
    """Pass the stack's parameters to the SAM transform, as CloudFormation does.

    ministack passes none, so that the transform would use the defaults of parameters, for example
    for DeploymentPreference.
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


def _leave_out_unknown_types() -> None:
    """Deploy a stack without the resources that `resource_types.limitations` says are left out.

    ministack refuses the whole stack for one resource type that it does not know.
    """
    from ministack.services.cloudformation import (  # noqa: PLC0415
        changesets,
        engine,
        handlers,
        provisioners,
    )

    from localcloud.ministack.resource_types import without_left_out  # noqa: PLC0415

    apply_transforms = engine._apply_transforms  # noqa: SLF001

    def apply(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        processed = apply_transforms(template, provided, previous)
        if "Transform" in processed or not isinstance(processed.get("Resources"), dict):
            return processed
        try:
            values = engine._resolve_parameters(processed, provided or [], previous)  # noqa: SLF001
            conditions = engine._evaluate_conditions(processed, values)  # noqa: SLF001
        except ValueError:  # ministack raises it again and reports it
            return processed
        known = provisioners._RESOURCE_HANDLERS  # noqa: SLF001
        kept = without_left_out(processed, conditions, known)
        processed.clear()  # it may be a subclass that carries an error
        processed.update(kept)
        return processed

    for module in (engine, changesets, handlers):
        module._apply_transforms = apply  # noqa: SLF001


def _transform_nested_stacks() -> None:
    """Apply the transforms to the template of a nested stack, with the parameters it is given.

    ministack transforms only the template of a stack that is not nested.
    """
    from ministack.services.cloudformation import engine, provisioners  # noqa: PLC0415

    deploy, parse = provisioners._cfn_nested_stack_deploy, engine._parse_template  # noqa: SLF001
    given: ContextVar[list[dict[str, str]] | None] = ContextVar("given", default=None)

    def deploy_nested(
        logical_id: str, properties: dict[str, Any], parent: str, **previous: Any
    ) -> Any:
        parameters = properties.get("Parameters") or {}
        token = given.set([{"Key": name, "Value": str(parameters[name])} for name in parameters])
        try:
            return deploy(logical_id, properties, parent, **previous)
        finally:
            given.reset(token)

    def parse_and_transform(body: str) -> Any:
        template = parse(body)
        if (parameters := given.get()) is None:
            return template
        transformed = engine._apply_transforms(template, parameters)  # noqa: SLF001
        if error := getattr(transformed, "error", None):
            raise ValueError(error)
        return transformed

    provisioners._cfn_nested_stack_deploy = deploy_nested  # noqa: SLF001
    engine._parse_template = parse_and_transform  # noqa: SLF001


def _keep_attributes_in_nested_stacks() -> None:
    """Keep the attributes of a resource that an update of a nested stack does not change.

    ministack forgets them, so that a reference to the ARN of an unchanged role fails.
    """
    from ministack.services.cloudformation import _stacks, provisioners  # noqa: PLC0415

    update = provisioners._update_resource  # noqa: SLF001

    def update_with_attributes(*resource: Any) -> Any:
        *_, stack, logical_id = resource
        known = _stacks.get(stack, {}).get("_resources", {}).get(logical_id, {})
        return update(*resource, old_attrs=known.get("Attributes"))

    provisioners._update_resource = update_with_attributes  # noqa: SLF001


def _keep_failures_of_aliases() -> None:
    """Retry and keep an event that fails under an alias according to the alias's settings.

    ministack reads those of the version behind the alias, which has none, and loses the event.
    """
    from ministack.services import lambda_svc  # noqa: PLC0415

    invoke = lambda_svc.invoke_async_with_retry

    def invoke_as_alias_says(invoked: dict[str, Any], event: dict[str, Any]) -> None:
        config = invoked["config"]
        function = lambda_svc._functions[config["FunctionName"]]  # noqa: SLF001
        settings = function["event_invoke_configs"]
        for name, alias in function["aliases"].items():
            if name in settings and alias["FunctionVersion"] == config["Version"]:
                arn = f"{function['config']['FunctionArn']}:{name}"
                invoked = {
                    **invoked,
                    "config": {**config, "FunctionArn": arn},
                    "event_invoke_config": settings[name],
                }
        invoke(invoked, event)

    lambda_svc.invoke_async_with_retry = invoke_as_alias_says
