"""Runs every function of ministack in an execution environment of `localcloud.execution`.

All callers in ministack (the Lambda API, API Gateway, S3, SNS, EventBridge, Step Functions and
others) call `lambda_svc._execute_function`, which `install` replaces. ministack's own executors
still get the functions that no environment can run: container images and other languages.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import lambda_svc

from localcloud.execution import debugging
from localcloud.execution.cgroups import SETTING as CGROUPS
from localcloud.execution.code_store import CodeStore
from localcloud.execution.concurrency import Concurrency, TooManyRequestsError
from localcloud.execution.environment import Result
from localcloud.execution.function_version import FunctionVersion, Host, is_supported
from localcloud.execution.pool import EnvironmentPool
from localcloud.execution.runtime_api import Invocation
from localcloud.execution.saved_code import FOLDER, SavedCode
from localcloud.execution.time_limits import SETTING, TimeLimits
from localcloud.ministack import asynchronous, function_logs
from localcloud.ministack.addresses import on_this_machine
from localcloud.ministack.code_folders import CodeFolders
from localcloud.ministack.debugged_function import DebuggedFunction
from localcloud.ministack.provisioned_concurrency import ProvisionedPool, in_background
from localcloud.ministack.trace_header import inbound_depth, trace_header

# Variables of the laptop cloud that functions get too. Credentials and region are per function.
_HOST_VARIABLES: Final = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    SETTING,
)

type Function = dict[str, Any]


def install(python: Path) -> "Executions":
    """Replace ministack's executors, before it serves; `python` is the functions' interpreter.

    Raises:
        AttributeError: this version of ministack lacks something that is needed here.
        ValueError: TIMEOUT_FACTOR is not a number of at least 1.
    """
    executions = Executions(python)
    for module, name, replacement in (
        (lambda_svc, "_execute_function", executions.execute),
        (lambda_svc, "_execute_function_dispatch", executions.dispatch),
        (lambda_svc, "_inbound_invoke_depth", inbound_depth),
        (lambda_svc, "invalidate_worker", executions.retire),
        (lambda_svc, "_snapstart_provision_version_async", executions.prepare),
        (lambda_runtime, "get_or_create_worker", executions.of_web_socket),
    ):
        getattr(module, name)
        setattr(module, name, replacement)
    asynchronous.install()
    executions.provisioned.follow_settings()
    return executions


def running_in_workers(config: Function) -> int:
    """How many other invocations of a function run now, if ministack's own workers run them."""
    running: int = lambda_svc._inflight.get(_name(config), 1)  # noqa: SLF001
    return running - 1


class Executions:
    """All functions' environments, and what ministack calls instead of its own executors."""

    def __init__(self, python: Path) -> None:
        folder = Path(os.environ["TMPDIR"]) / "lambda"
        variables = {name: os.environ[name] for name in _HOST_VARIABLES if name in os.environ}
        variables[lambda_runtime.HOST_PREFIX_ENV] = "true"
        limit = lambda_svc._ACCOUNT_CONCURRENCY_CAP or 1000  # noqa: SLF001
        self._execute_otherwise = lambda_svc._execute_function  # noqa: SLF001
        self._dispatch_otherwise = lambda_svc._execute_function_dispatch  # noqa: SLF001
        self._retire_otherwise = lambda_svc.invalidate_worker
        self._prepare_otherwise = lambda_svc._snapstart_provision_version_async  # noqa: SLF001
        self._concurrency = Concurrency(limit, _reserved)
        self._code = CodeStore(folder / "code")
        self._folders = CodeFolders(self._code, SavedCode(folder.with_name(FOLDER)))
        cgroups = Path(os.environ[CGROUPS]) if CGROUPS in os.environ else None
        host = Host(folder, python, variables, cgroups)
        self.pool = EnvironmentPool(
            host, self._concurrency, TimeLimits.of(), write_log=function_logs.write
        )
        self._debugged = DebuggedFunction(self.pool, folder.with_name(debugging.FILE))
        self.provisioned = ProvisionedPool(self.pool, self.version_of)

    def close(self) -> None:
        """End all environments."""
        self.pool.close()
        self._code.remove()

    def execute(self, function: Function, event: Any) -> Any:
        """In place of lambda_svc._execute_function: an invocation that may be throttled.

        Raises:
            OSError: no environment can be created, as on a full disk.
        """
        config = function.get("config") or function
        if lambda_svc._function_config_scope_mismatch(config):  # noqa: SLF001
            return lambda_svc._run_with_function_config_scope(  # noqa: SLF001
                config,
                lambda_svc._execute_function,  # noqa: SLF001
                function,
                event,
            )
        if not _runs_in_environment(function, config):
            return self._execute_otherwise(function, event)
        request_id = asynchronous.request_id.get() or new_uuid()
        try:
            return lambda_svc._execute_function_dispatch(  # noqa: SLF001
                function, config, event, request_id, time.time()
            )
        except TooManyRequestsError as error:
            lambda_svc._emit_lambda_metrics(  # noqa: SLF001
                config["FunctionName"], duration_ms=0.0, error=False, throttle=True
            )
            return lambda_svc._throttle_response(error.reason, str(error))  # noqa: SLF001

    def dispatch(
        self, function: Function, config: Function, event: Any, request_id: str, started: float
    ) -> Any:
        """In place of lambda_svc._execute_function_dispatch: one invocation that is counted.

        Raises:
            TooManyRequestsError: a concurrency limit is reached.
        """
        if not _runs_in_environment(function, config):
            return self._dispatch_otherwise(function, config, event, request_id, started)
        version = self._version(function, config)
        invocation = Invocation(
            request_id=request_id,
            payload=json.dumps(event).encode(),
            function_arn=config["FunctionArn"],
            trace_id=trace_header(config),
        )
        pool = self._debugged if version.debugger else self.pool
        return _answer(pool.invoke(version, invocation))

    def retire(
        self,
        name: str,
        qualifier: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> None:
        """In place of lambda_svc.invalidate_worker."""
        function = f"{account or get_account_id()}:{region or get_region()}:{name}"
        self.pool.retire(function, qualifier)
        self._retire_otherwise(name, qualifier=qualifier, account=account, region=region)

    def prepare(self, name: str, record: Function) -> None:
        """In place of lambda_svc._snapstart_provision_version_async, when a version is published.

        There are no snapshots: one environment is initialized, and the version becomes active.
        """
        config = record["config"]
        if not _runs_in_environment(record, config):
            self._prepare_otherwise(name, record)
            return

        def initialize() -> None:
            if self.pool.prepare(self._version(record, config)):
                config.update(State="Active", StateReason="", StateReasonCode="")
                config["LastUpdateStatus"] = "Successful"
            else:
                reason = "The function's init code failed; its log says why."
                config.update(State="Failed", StateReason=reason, StateReasonCode="FunctionError")

        in_background(initialize)

    def of_web_socket(self, _: str, config: Function, code: bytes, **__: Any) -> "_WebSocketWorker":
        """In place of lambda_runtime.get_or_create_worker, which WebSocket routes use."""
        return _WebSocketWorker({"config": config, "code_zip": code}, self)

    def use_saved_code(self) -> list[str]:
        """Run the files saved since the deployment; returns the functions that changed."""
        changed, names = self._folders.read_saved(), []
        for name, function in list(lambda_svc._functions.items()):  # noqa: SLF001
            records = [function, *function.get("versions", {}).values()]
            if changed.isdisjoint(each for record in records for each in _archives(record)):
                continue
            names.append(name)
            self.pool.retire(f"{get_account_id()}:{get_region()}:{name}")
            self.provisioned.provision_again(name)
            if name == self._debugged.name:
                self._start_debugged(name)
        return names

    def use_debugger(self) -> list[str]:
        """Start the debugger that `up` has asked for; returns the name of its function, if any."""
        self._debugged.read()
        name = self._debugged.name
        if name is None:
            return []
        self._start_debugged(name)
        return [name]

    def _start_debugged(self, name: str) -> None:
        """Start the version that an alias points to, because event sources invoke the alias."""
        alias = next(iter(lambda_svc._functions[name].get("aliases", {})), "$LATEST")  # noqa: SLF001
        if version := self.version_of(name, alias):
            in_background(self._debugged.start, version)

    def running(self, config: Function) -> int:
        """How many invocations of a function run now."""
        return self._concurrency.running(_name(config))

    def version_of(self, name: str, qualifier: str) -> FunctionVersion | None:
        """The version of a qualifier; None if the function does not run in an environment."""
        record, config = lambda_svc._get_func_record_for_qualifier(name, qualifier)  # noqa: SLF001
        if record and config and _runs_in_environment(record, config):
            return self._version(record, config)
        return None

    def _version(self, function: Function, config: Function) -> FunctionVersion:
        logging = config.get("LoggingConfig") or {}
        account, region = lambda_svc._account_region_from_function_config(config)  # noqa: SLF001
        return FunctionVersion(
            account=account,
            region=region,
            name=config["FunctionName"],
            version=config.get("Version", "$LATEST"),
            revision=config.get("RevisionId", ""),
            runtime=config["Runtime"],
            handler=config.get("Handler", ""),
            memory_mb=int(config.get("MemorySize") or 128),
            timeout_seconds=int(config.get("Timeout") or 3),
            storage_mb=int((config.get("EphemeralStorage") or {}).get("Size", 512)),
            task_folder=self._folders.of_function(function, config),
            layers_folder=self._folders.of_layers(config),
            log_group=logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}",
            log_format=logging.get("LogFormat", "Text"),
            log_level=logging.get("ApplicationLogLevel", ""),
            system_log_level=logging.get("SystemLogLevel", ""),
            variables=_variables(config),
            credentials=lambda_runtime.execution_credentials(config),
            debugger=self._debugged.debugger(config),
        )


class _WebSocketWorker:
    """What ministack's WebSocket routes expect of a worker."""

    def __init__(self, function: Function, executions: Executions) -> None:
        self._function = function
        self._executions = executions

    def invoke(self, event: Any, _: str) -> Function:
        answered = self._executions.execute(self._function, event)
        if answered.get("error"):
            return {"status": "error", "error": json.dumps(answered["body"])}
        return {"status": "ok", "result": answered["body"]}


def _runs_in_environment(function: Function, config: Function) -> bool:
    is_image = config.get("PackageType") == "Image"
    return (
        bool(function.get("code_zip")) and not is_image and is_supported(config.get("Runtime", ""))
    )


def _name(config: Function) -> str:
    account, region = lambda_svc._account_region_from_function_config(config)  # noqa: SLF001
    return f"{account}:{region}:{config['FunctionName']}"


def _reserved() -> Mapping[str, int]:
    functions = list(lambda_svc._functions._data.items())  # noqa: SLF001 - of all accounts
    return {
        ":".join(key): int(function["concurrency"])
        for key, function in functions
        if function.get("concurrency") is not None
    }


def _variables(config: Function) -> dict[str, str]:
    own = (config.get("Environment") or {}).get("Variables") or {}
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    return {name: on_this_machine(str(value), endpoint) for name, value in own.items()}


def _archives(record: Function) -> list[str]:
    config = record.get("config") or {}
    layers = [each["Arn"] for each in config.get("Layers") or []]
    return [*layers, config.get("CodeSha256", "")]


def _answer(result: Result) -> Function:
    """As ministack's own executors return it."""
    answered: Function = {"log": "\n".join(result.log)}
    try:
        answered["body"] = json.loads(result.payload) if result.payload else None
    except ValueError:
        answered["body"] = result.payload.decode(errors="replace")
        answered["raw_payload"] = True
    if result.function_error:
        answered["error"] = True
        answered["function_error"] = result.function_error
    return answered
