"""Applies ministack's settings of provisioned concurrency; runs inside ministack's process.

ministack stores the settings of aliases and versions and does nothing with them.
https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

import contextvars
import json
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from localcloud.execution.function_version import FunctionVersion
from localcloud.execution.pool import EnvironmentPool

type Function = dict[str, Any]
type VersionOf = Callable[[str, str], FunctionVersion | None]


class ProvisionedPool:
    """Keeps as many environments initialized as the settings say.

    `version_of` returns the version of a function's qualifier; None if it does not run here.
    """

    def __init__(self, pool: EnvironmentPool, version_of: VersionOf) -> None:
        self._pool = pool
        self._version_of = version_of
        self._provisioned: dict[tuple[str, str], tuple[FunctionVersion, int]] = {}
        self._provisioning = threading.Lock()

    def follow_settings(self) -> None:
        """Apply each change and deletion of a setting or of its alias."""
        put = lambda_svc._put_provisioned_concurrency  # noqa: SLF001
        delete = lambda_svc._delete_provisioned_concurrency  # noqa: SLF001
        update = lambda_svc._update_alias  # noqa: SLF001
        delete_alias = lambda_svc._delete_alias  # noqa: SLF001

        def put_and_provision(name: str, qualifier: str, data: Any) -> Any:
            answered = put(name, qualifier, data)
            if answered[0] < 300:
                setting = _settings(name)[qualifier]
                self._provision_later(name, qualifier, setting)
                return answered[0], answered[1], json.dumps(setting).encode()
            return answered

        def delete_and_end(name: str, qualifier: str) -> Any:
            answered = delete(name, qualifier)
            if answered[0] < 300:
                self._provision_later(name, qualifier, None)
            return answered

        def update_and_provision(name: str, alias: str, data: Any) -> Any:
            answered = update(name, alias, data)
            setting = _settings(name).get(alias)
            if answered[0] < 300 and setting:
                self._provision_later(name, alias, setting)
            return answered

        def delete_alias_and_end(name: str, alias: str) -> Any:
            answered = delete_alias(name, alias)
            if answered[0] < 300:
                _settings(name).pop(alias, None)
                self._provision_later(name, alias, None)
            return answered

        lambda_svc._put_provisioned_concurrency = put_and_provision  # noqa: SLF001
        lambda_svc._delete_provisioned_concurrency = delete_and_end  # noqa: SLF001
        lambda_svc._update_alias = update_and_provision  # noqa: SLF001
        lambda_svc._delete_alias = delete_alias_and_end  # noqa: SLF001
        self._follow_stacks()

    def provision_again(self, name: str) -> None:
        """Initialize a function's environments again, after its code has changed."""
        for qualifier, setting in _settings(name).items():
            self._provision_later(name, qualifier, setting)

    def _follow_stacks(self) -> None:
        """Apply deletions by stacks too, for which ministack does not call the Lambda API."""
        handlers = provisioners._RESOURCE_HANDLERS  # noqa: SLF001
        delete_function = handlers["AWS::Lambda::Function"]["delete"]
        delete_version = handlers["AWS::Lambda::Version"]["delete"]
        delete_alias = handlers["AWS::Lambda::Alias"]["delete"]

        def function_and_environments(name: str, properties: Any) -> None:
            delete_function(name, properties)
            lambda_svc.invalidate_worker(name, account=get_account_id(), region=get_region())

        def version_and_environments(arn: str, properties: Any) -> None:
            delete_version(arn, properties)
            name, _, version = arn.rpartition(":function:")[2].partition(":")
            account, region = get_account_id(), get_region()
            lambda_svc.invalidate_worker(name, version, account=account, region=region)

        def alias_and_environments(arn: str, properties: Any) -> None:
            delete_alias(arn, properties)
            name, _, alias = arn.rpartition(":function:")[2].partition(":")
            self._provision_later(name, alias, None)

        handlers["AWS::Lambda::Function"]["delete"] = function_and_environments
        handlers["AWS::Lambda::Version"]["delete"] = version_and_environments
        handlers["AWS::Lambda::Alias"]["delete"] = alias_and_environments

    def _provision_later(self, name: str, qualifier: str, setting: Function | None) -> None:
        if setting:
            setting["Status"] = "IN_PROGRESS"
            setting["AvailableProvisionedConcurrentExecutions"] = 0
            setting["AllocatedProvisionedConcurrentExecutions"] = 0
        in_background(self._provision, name, qualifier, setting)

    def _provision(self, name: str, qualifier: str, setting: Function | None) -> None:
        key = (f"{get_account_id()}:{get_region()}:{name}", qualifier)
        with self._provisioning:
            wanted = setting["RequestedProvisionedConcurrentExecutions"] if setting else 0
            version = self._version_of(name, qualifier) if wanted else None
            if version and version.debugger:  # its only environment is not a provisioned one
                wanted = 0
            before, _ = self._provisioned.pop(key, (None, 0))
            if before and before != version:
                self._pool.provision(before, 0)
            if not version or not setting:
                return
            ready = self._pool.provision(version, wanted)
            self._provisioned[key] = (version, wanted)
        setting["AvailableProvisionedConcurrentExecutions"] = ready
        setting["AllocatedProvisionedConcurrentExecutions"] = ready
        setting["Status"] = "READY" if ready == wanted else "FAILED"
        if ready < wanted:
            setting["StatusReason"] = "FUNCTION_ERROR_INIT_FAILURE"


def in_background(run: Callable[..., None], *arguments: Any) -> None:
    """Run it in a thread, with the account and region of the current request."""
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(run, *arguments), name="initialize-environments", daemon=True
    ).start()


def _settings(name: str) -> dict[str, Function]:
    """The settings of a function by qualifier, to be changed in place."""
    function = lambda_svc._functions.get(name) or {}  # noqa: SLF001
    settings: dict[str, Function] = function.get("provisioned_concurrency", {})
    return settings
