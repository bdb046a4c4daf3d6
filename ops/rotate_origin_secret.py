"""`python -m ops.rotate_origin_secret`: replaces the secret value that CloudFront sends as Referer.

It updates the stack three times with the deployed template and other parameters. After the first
update the API accepts the new value too, after the second CloudFront sends it, after the third the
API refuses the old value. The gallery works during each update and during its rollback. The command
reads the state of a rotation from AWS, so the next run continues one that was interrupted.
"""

import json
import secrets
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import httpx
import msgspec
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from rich.console import Console
from rich.markup import escape

from ops.arguments import add_confirmation, stage_parser
from ops.console import command_console
from ops.deployed_stack import StackDescription, template_text
from ops.leftovers import artifacts_bucket
from ops.stack_events import follow, newest_event
from ops.stacks import (
    Account,
    OperationError,
    Stage,
    answer_to,
    find_stack,
    open_account,
    read_stage,
    show_account,
)

SENT: Final = "OriginSecretSent"
ALSO_ACCEPTED: Final = "OriginSecretAlsoAccepted"
_PREFIX: Final = "value-"  # of the secret's keys; the template's parameters name such a key
_VALUE_BYTES: Final = 36  # 48 characters
_UPDATE_SECONDS: Final = 3_600
_PROBE_SECONDS: Final = 120  # until a deployment of the API is effective in all of API Gateway
_FORBIDDEN: Final = 403


class Step(StrEnum):
    """The next step of a rotation."""

    STORE = "store a new value in the secret"
    ACCEPT = "let the API accept the new value too"
    SEND = "let CloudFront send the new value"
    REFUSE = "let the API refuse the old value"
    FORGET = "remove the old value from the secret"


class Rotation(msgspec.Struct, frozen=True):
    """The state of a rotation, as numbers of values of the secret.

    `stored` are all that it has. CloudFront sends `sent`, and the API accepts it and
    `also_accepted`.
    """

    stored: frozenset[int]
    sent: int
    also_accepted: int

    @property
    def is_unfinished(self) -> bool:
        return self.also_accepted != self.sent or self.stored != {self.sent}

    def next_step(self) -> tuple[Step, "Rotation"]:
        """The next step and the state after it; after a finished rotation, a new one begins."""
        old, new = min(self.sent, self.also_accepted), max(self.sent, self.also_accepted)
        if self.also_accepted > self.sent:
            return Step.SEND, Rotation(self.stored, sent=new, also_accepted=old)
        if self.also_accepted < self.sent:
            return Step.REFUSE, Rotation(self.stored, sent=new, also_accepted=new)
        if (newest := max(self.stored)) > self.sent:
            return Step.ACCEPT, Rotation(self.stored, self.sent, also_accepted=newest)
        if self.stored != {self.sent}:
            return Step.FORGET, Rotation(frozenset({self.sent}), self.sent, self.sent)
        return Step.STORE, Rotation(self.stored | {self.sent + 1}, self.sent, self.sent)


class OriginSecret:
    """The secret of one deployed stack, and the updates that put its values into use."""

    def __init__(
        self,
        account: Account,
        stack: StackDescription,
        bucket: str,
        console: Console,
        *,
        poll_seconds: float = 10,
    ) -> None:
        """`bucket` is the bucket to which sam deploy uploads artifacts."""
        self._account = account
        self._stack = stack
        self._bucket = bucket
        self._console = console
        self._poll_seconds = poll_seconds
        self._secrets = account.client("secretsmanager")
        self._arn = stack.outputs["OriginSecretArn"]

    def rotation(self) -> Rotation:
        """The state of the rotation, from the stack's parameters and the secret.

        Raises:
            OperationError: the stack does not exist, or the secret lacks a value that is in use.
        """
        stack = find_stack(self._account, self._stack.id)
        if not stack:
            raise OperationError(f"Stack {self._stack.name} was deleted during the rotation.")
        sent = _number(stack.parameters[SENT])
        also_accepted = _number(stack.parameters[ALSO_ACCEPTED])
        stored = frozenset(map(_number, self._values()))
        if missing := {sent, also_accepted} - stored:
            raise OperationError(
                f"The secret {self._arn} lacks the key {_key(min(missing))}, which the stack uses."
                " Restore an earlier version of the secret with `aws secretsmanager"
                " update-secret-version-stage`."
            )
        return Rotation(stored, sent, also_accepted)

    def take(self, step: Step, then: Rotation) -> None:
        """Do one step, after checking that it is safe.

        Raises:
            OperationError: the step is not safe yet, or it failed and the stack is unchanged.
        """
        match step:
            case Step.STORE:
                added = {_key(max(then.stored)): secrets.token_urlsafe(_VALUE_BYTES)}
                self._store({**self._values(), **added})
            case Step.FORGET:
                values = self._values()
                self._store({_key(number): values[_key(number)] for number in then.stored})
            case Step.ACCEPT:
                self._update(then)
            case Step.SEND:
                self._await_answer(then.sent, accepted=True)
                self._update(then)
            case Step.REFUSE:
                old = self.rotation().also_accepted
                self._await_distribution(then.sent)
                self._update(then)
                self._await_answer(old, accepted=False)

    def await_idle(self) -> None:
        """Wait until an update that an earlier run started has ended.

        Raises:
            OperationError: CloudFormation cannot update the stack.
        """
        deadline = time.monotonic() + _UPDATE_SECONDS
        while True:
            stack = find_stack(self._account, self._stack.id)
            status = stack.status if stack else "DELETE_COMPLETE"
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
                return
            if not status.startswith("UPDATE_") or not status.endswith("_IN_PROGRESS"):
                raise OperationError(
                    f"CloudFormation cannot update {self._stack.name} in status {status}:"
                    " run `make deploy`, which says what to do."
                )
            if time.monotonic() > deadline:
                raise OperationError(f"{self._stack.name} is still {status} after an hour.")
            time.sleep(self._poll_seconds)

    def _values(self) -> dict[str, str]:
        answer = self._secrets.get_secret_value(SecretId=self._arn)
        return dict(json.loads(answer["SecretString"]))

    def _store(self, values: Mapping[str, str]) -> None:
        self._secrets.put_secret_value(SecretId=self._arn, SecretString=json.dumps(values))

    def _update(self, then: Rotation) -> None:
        changed = {SENT: _key(then.sent), ALSO_ACCEPTED: _key(then.also_accepted)}
        cloudformation = self._account.client("cloudformation")
        kept: list[dict[str, Any]] = [
            {"ParameterKey": name, "UsePreviousValue": True}
            for name in self._stack.parameters
            if name not in changed
        ]
        before = newest_event(self._account, self._stack.id)
        cloudformation.update_stack(
            StackName=self._stack.id,
            TemplateURL=self._upload_template(),
            Parameters=kept
            + [{"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        outcome = follow(self._account, self._stack.id, before, self._console)
        if not outcome.succeeded:
            reasons = [f"{each.resource}: {each.reason}" for each in outcome.failures()]
            raise OperationError(
                f"CloudFormation did not update {self._stack.name} (status {outcome.status}):"
                f" {'; '.join(reasons) or 'it gives no reason'}. The gallery works as before."
                " Remove the cause, then run this command again."
            )

    def _upload_template(self) -> str:
        """Upload the original template to S3 and return its URL.

        With UsePreviousTemplate CloudFormation would use the transformed template, in which SAM has
        put the parameters' old values into the policy.
        """
        cloudformation = self._account.client("cloudformation")
        text = template_text(cloudformation, self._stack.id, "Original")
        s3, key = self._account.client("s3"), f"{self._stack.name}/rotate-origin-secret.template"
        s3.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=text.encode(),
            ExpectedBucketOwner=self._account.id,
        )
        return f"{s3.meta.endpoint_url}/{self._bucket}/{key}"

    def _await_distribution(self, number: int) -> None:
        """Wait until all of CloudFront sends a value."""
        cloudfront = self._account.client("cloudfront")
        id_ = self._stack.outputs["DistributionId"]
        waiting = {"Delay": self._poll_seconds, "MaxAttempts": 180}
        try:
            cloudfront.get_waiter("distribution_deployed").wait(Id=id_, WaiterConfig=waiting)
        except WaiterError as error:
            raise OperationError(
                f"CloudFront is still deploying {id_}: run this command again later."
            ) from error
        config = cloudfront.get_distribution_config(Id=id_)["DistributionConfig"]
        sent = {
            header["HeaderValue"]
            for origin in config["Origins"]["Items"]
            for header in origin.get("CustomHeaders", {}).get("Items", [])
            if header["HeaderName"].lower() == "referer"
        }
        if sent != {self._values()[_key(number)]}:
            raise OperationError(
                f"Distribution {id_} does not send {_key(number)}: it was changed outside"
                " CloudFormation. Undo that change, then run this command again."
            )

    def _await_answer(self, number: int, *, accepted: bool) -> None:
        """Send requests to the API's own address until it accepts or refuses a value."""
        url = f"{self._stack.outputs['ApiUrl']}/health"
        headers = {"Referer": self._values()[_key(number)]}
        deadline = time.monotonic() + _PROBE_SECONDS
        status = 0
        while time.monotonic() < deadline:
            try:
                status = httpx.get(url, headers=headers, timeout=30).status_code
            except httpx.TransportError as error:
                raise OperationError(
                    f"The request to {url} failed: {error}. Run this command again."
                ) from error
            if (status != _FORBIDDEN) == accepted:
                return
            time.sleep(min(1.0, self._poll_seconds))
        raise OperationError(
            f"{url} still answers {status} to {_key(number)}, which it should"
            f" {'accept' if accepted else 'refuse'}. The rotation stopped here, and the gallery"
            " works. docs/origin-secret.md says what to check."
        )


def rotate(secret: OriginSecret, console: Console) -> None:
    """Finish an interrupted rotation, or do a complete one.

    Raises:
        OperationError: a step failed; the next run continues from there.
    """
    secret.await_idle()
    rotation = secret.rotation()
    if rotation.is_unfinished:
        console.print("An earlier rotation was not finished: this run continues it.")
    while True:
        step, then = rotation.next_step()
        secret.take(step, then)
        console.print(f"[green]✓[/] {step.value}")
        rotation = secret.rotation()
        if not rotation.is_unfinished:
            break
    console.print(f"CloudFront sends {_key(rotation.sent)}, and the API accepts no other value.")


def open_origin_secret(account: Account, stage: Stage, name: str, console: Console) -> OriginSecret:
    """The origin secret of a deployed stack.

    Raises:
        OperationError: the stack does not exist, or it has no page and so no secret.
    """
    stack = find_stack(account, name)
    if not stack:
        raise OperationError(f"Stack {name} does not exist in {account.region}: pass --stack.")
    if stack.outputs.get("OriginSecretArn", "none") == "none":
        raise OperationError(
            f"{name} has no origin secret: it has no page, or it was deployed from an earlier"
            " template. In that case run `make deploy` first."
        )
    bucket = artifacts_bucket(account, stage)
    if not bucket:
        raise OperationError(
            f"sam has no bucket for artifacts in {account.region}: run `make deploy`, which"
            " creates it."
        )
    return OriginSecret(account, stack, bucket, console)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only if the new value is the only one in use."""
    parser = stage_parser("make rotate-origin-secret", __doc__)
    add_confirmation(parser)
    options = parser.parse_args(arguments)
    console = command_console()
    try:
        stage = read_stage(options.stage)
        account = open_account(stage, options.account)
        name = options.stack or stage.stack
        secret = open_origin_secret(account, stage, name, console)
        console.print("Rotate the origin secret (three updates; CloudFront takes some minutes):")
        show_account(account, stage, name, console)
        if not options.yes and answer_to("Rotate? (yes or no) ", console, "--yes") != "yes":
            console.print("Nothing was done.")
            return 1
        rotate(secret, console)
    except (OperationError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. CloudFormation finishes its update; run this command again.")
        return 130
    return 0


def _key(number: int) -> str:
    return f"{_PREFIX}{number}"


def _number(key: str) -> int:
    return int(key.removeprefix(_PREFIX))


if __name__ == "__main__":
    sys.exit(main())
