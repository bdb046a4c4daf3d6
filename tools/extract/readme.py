"""The README of the application of a flow."""

from collections.abc import Mapping
from typing import Final

from tools.extract.flows import Flow
from tools.extract.template import ExtractedTemplate

_LAYER: Final = "AWS::Serverless::LayerVersion"
_ARCHITECTURE: Final = "\n$ export ARCHITECTURE=$(uname -m | sed s/aarch64/arm64/)"
_START: Final = """\
# {title}

{description}

It is one flow of Lambda Gallery, a photo gallery that shows patterns of AWS Lambda. `make extract
FLOW={flow}` wrote it from there, with the comments, the tests and the permissions of the flow.

- **In:** {input}
- **Out:** {output}

## Test it

Python 3.13 is needed, and nothing of AWS:

```console
$ python3.13 -m venv .venv
$ .venv/bin/pip install --require-hashes --requirement requirements/tests.txt
$ .venv/bin/pytest
```

## Run it on this machine

localcloud runs the template without an account and without Docker, and enforces the permissions. It
is part of the gallery's repository. Name a checkout in which `make install` has run:

```console
$ export GALLERY=~/lambda-gallery{architecture}
$ PYTHONPATH="$GALLERY" "$GALLERY/.venv/bin/python" -m localcloud up {up} --port 4566
```

In another terminal, {does}:

```console
$ export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_DEFAULT_REGION=us-east-1
$ export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
$ .venv/bin/python -m try_it --stack {name}-local{try_it}
```

Ctrl-C in the first terminal ends it, and nothing is kept.

## Deploy it into an account

`sam` is in `.venv/bin`. `sam deploy` needs credentials and a region of the account, for example by
`AWS_PROFILE`, and a terminal without the variables of the last section: they name the laptop. It
shows the change set and asks before it creates anything.

```console
$ export PATH="$PWD/.venv/bin:$PATH"
$ sam validate --lint
$ sam build
$ sam deploy
```

{deploy}

## What is in it

| path | what |
|---|---|
{files}

These resources belong to other flows of the gallery. They come along because this flow refers to
them:

{borrowed}

## What was left out

{left}
"""


def readme(
    flow: Flow,
    template: ExtractedTemplate,
    name: str,
    functions: list[str],
    tests_left: Mapping[str, str],
) -> str:
    """The text, for an application whose folder is called `name`."""
    has_layers = any(each.type == _LAYER for each in template.resources.values())
    values = flow.laptop | ({"Architecture": "$ARCHITECTURE"} if has_layers else {})
    parameters = " ".join(f"--parameter {key}={value}" for key, value in values.items())
    left = [*flow.left_out, *_COMMON]
    if tests_left:
        tests = "; ".join(f"`{path}` ({why})" for path, why in sorted(tests_left.items()))
        left.append(f"Tests that need other parts of the gallery: {tests}.")
    return _START.format(
        title=flow.title,
        description=flow.description,
        flow=flow.name,
        input=flow.input,
        output=flow.output,
        architecture=_ARCHITECTURE if has_layers else "",
        up=parameters,
        does=flow.does,
        name=name,
        try_it=flow.try_it,
        deploy=flow.deploy,
        files="\n".join(
            f"| `{path}` | {what} |" for path, what in _files(flow, template, functions)
        ),
        borrowed=_borrowed(flow, template),
        left="\n".join(f"- {each}" for each in left),
    )


_COMMON: Final = (
    "The dashboard, the runbooks of the alarms, and the budget of the account.",
    "`make deploy`. It also publishes a new version of a function if only the value of a setting"
    " has changed, for example in the mapping `Stage`. `sam deploy` does so only if the code or the"
    " text of the template has changed.",
)


def _files(flow: Flow, template: ExtractedTemplate, functions: list[str]) -> list[tuple[str, str]]:
    found = [("template.yaml", "the resources, by flow")]
    if "operations.yaml" in template.files:
        found.append(("operations.yaml", "alarms and what else an operator needs"))
    if "distribution.yaml" in template.files:
        found.append(("distribution.yaml", "the CloudFront distribution"))
    found.append(("permissions/", "the policies of roles, buckets and queues"))
    found += [(f"functions/{each}/", "the function") for each in functions]
    if any(each.type == _LAYER for each in template.resources.values()):
        found.append(("layers/", "what the functions import, and how `sam build` makes the layers"))
    else:
        found.append(("layers/shared/", "what the tests import; the function does not"))
    found += [
        ("events/", "sample events, for the tests and `localcloud invoke`"),
        ("tests/", "unit and integration tests; `tests/support/` and `fakes/` are theirs"),
        ("try_it/", f"a script to {flow.does}, on a laptop or in an account"),
        ("samconfig.toml", "the stages dev and prod"),
    ]
    return found


def _borrowed(flow: Flow, template: ExtractedTemplate) -> str:
    lines = [
        f"- `{each.name}`: {each.type}"
        for each in sorted(template.resources.values(), key=lambda each: each.name)
        if each.heading.partition(":")[0] not in (*flow.headings, *_OWN)
        and not each.name.endswith("Policy")
    ]
    return "\n".join(lines) or "none"


_OWN: Final = ("Layers", "Operations", "Alarm topics", "Saved queries of CloudWatch Logs Insights")
