"""State machines whose definition is YAML; runs inside ministack's process.

CloudFormation accepts YAML in DefinitionString and DefinitionS3Location. ministack passes it on to
Step Functions, which reads JSON only: every execution would fail.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
"""

import json
from typing import Any

import yaml


def install() -> None:
    """Wrap the function that reads the definition of a state machine of a stack."""
    from ministack.services.cloudformation import engine, provisioners  # noqa: PLC0415

    definition_of = provisioners._sfn_definition  # noqa: SLF001

    def definition_as_json(properties: dict[str, Any]) -> str:
        definition: str = definition_of(properties)
        if definition.lstrip().startswith("{"):
            return definition
        try:
            return json.dumps(yaml.load(definition, Loader=engine.CfnLoader))  # noqa: S506 - a safe loader
        except yaml.YAMLError as error:
            raise ValueError(f"The definition is neither JSON nor YAML: {error}") from error

    provisioners._sfn_definition = definition_as_json  # noqa: SLF001
