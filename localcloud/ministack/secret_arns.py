"""Secrets of a stack, whose reference is their ARN as on AWS; runs inside ministack's process.

In ministack `Ref` of a secret is its name, so a policy for it allows nothing.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
"""

from typing import Any

type Properties = dict[str, Any]
type Created = tuple[str, dict[str, str]]


def install() -> None:
    """Wrap the handlers of a secret, which know it by its name."""
    from ministack.services import secretsmanager  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]  # noqa: SLF001
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def name_of(arn: str) -> str:
        name: str | None = secretsmanager._resolve(arn)[0]  # noqa: SLF001
        return name or arn

    def create_as_arn(logical_id: str, properties: Properties, stack: str) -> Created:
        _, attributes = create(logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update_as_arn(
        arn: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> Created:
        _, attributes = update(name_of(arn), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    def delete_as_arn(arn: str, properties: Properties) -> None:
        delete(name_of(arn), properties)

    handlers |= {"create": create_as_arn, "update": update_as_arn, "delete": delete_as_arn}
