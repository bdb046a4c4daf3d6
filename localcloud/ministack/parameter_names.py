"""Names SSM parameters to which the template gives no name; runs inside ministack's process.

ministack gives them a hierarchical name, which begins with a slash. SAM's policy template for
parameters puts `/` before the name, so that a policy for the parameter allows nothing.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html
"""

import uuid
from typing import Any


def install() -> None:
    """Wrap the handler that creates a parameter."""
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS["AWS::SSM::Parameter"]  # noqa: SLF001
    create = handlers["create"]

    def create_named(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name = properties.get("Name") or f"CFN-{logical_id}-{uuid.uuid4().hex[:12]}"
        return create(logical_id, properties | {"Name": name}, stack)

    handlers["create"] = create_named
