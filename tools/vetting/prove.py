"""Reads roles, policies and questions as JSON; prints for each question the principals that can.

The Python of .venv-checkers runs it, because it has iamprover and Z3; nothing else is imported.
"""

import json
import sys
from typing import Any

import z3
from iamprover.engine.patterns import expand_variables, globs_intersect
from iamprover.engine.solver import check_invariant
from iamprover.invariants import Invariant
from iamprover.model import Account, Policy, Principal, Statement
from iamprover.parsers.iam import parse_policy_document


def fail_if_undecided() -> None:
    """Make Z3 raise if it cannot decide: iamprover treats its "unknown" as a proof."""
    original = z3.Solver.check

    def check(solver: z3.Solver, *assumptions: Any) -> Any:
        result = original(solver, *assumptions)
        if result == z3.unknown:
            raise RuntimeError(f"Z3 cannot decide: {solver.reason_unknown()}")
        return result

    z3.Solver.check = check


def policies(documents: list[list[Any]]) -> list[Policy]:
    """Each list of statements as a policy."""
    return [parse_policy_document("policy", {"Statement": each}) for each in documents]


def overlap(left: list[str], right: list[str]) -> bool:
    """Whether some text matches a pattern of each side; an empty side matches everything."""
    if not left or not right:
        return True
    return any(
        globs_intersect(expand_variables(one), expand_variables(other))
        for one in left
        for other in right
    )


def intersect(left: Statement, right: Statement) -> bool:
    """Whether one request can match the patterns of both statements.

    NotAction and NotResource count as everything.
    """
    actions = ([each.lower() for each in side.actions] for side in (left, right))
    return overlap(*actions) and overlap(left.resources, right.resources)


def reduced(policies: list[Policy], *requests: Statement) -> list[Policy]:
    """The policies without the statements that cannot match one of the requests.

    Without these statements Z3 needs milliseconds instead of minutes.
    """
    return [
        Policy(
            policy.name, [s for s in policy.statements if all(intersect(s, r) for r in requests)]
        )
        for policy in policies
    ]


def alone(policies: list[Policy], grant: Statement) -> list[Policy]:
    """The policies with the grant as the only statement that allows something.

    A request is allowed if at least one grant allows it, so each grant can be examined alone. Then
    the statements can be left out that deny only what other grants allow.
    """
    return [
        Policy(policy.name, [s for s in policy.statements if s is grant or s.effect == "Deny"])
        for policy in policies
    ]


def counterexample(
    principal: dict[str, Any], shared: list[Policy], question: dict[str, Any]
) -> dict[str, str] | None:
    """An allowed request of the principal with an action and a resource of the question."""
    name = principal["name"]
    own = policies([principal["statements"]])
    boundary = policies([principal["boundary"]]) if principal["boundary"] else []
    layers = policies(question["limits"])
    for action in question["actions"]:
        for resource in question["resources"]:
            asked = Statement("Allow", actions=[action], resources=[resource])
            granting = [
                statement
                for policy in [*own, *shared]
                for statement in policy.statements
                if statement.effect == "Allow"
                and intersect(statement, asked)
                and (policy in own or {"*", name} & set(statement.principals))
            ]
            for grant in granting:
                account = Account(
                    [
                        Principal(
                            name,
                            reduced(alone(own, grant), asked, grant),
                            permission_boundary=next(iter(reduced(boundary, asked, grant)), None),
                        )
                    ],
                    resource_policies=reduced(alone(shared, grant), asked, grant),
                    scps=reduced(layers, asked, grant),
                )
                found = check_invariant(account, Invariant("", "", [action], [resource]))
                for each in found.counterexamples:
                    return {"who": each.principal, "action": each.action, "resource": each.resource}
    return None


def main() -> None:
    fail_if_undecided()
    data = json.load(sys.stdin)
    shared = policies([data["resource_policies"]])
    answers = [
        [
            found
            for principal in data["principals"]
            if (found := counterexample(principal, shared, question))
        ]
        for question in data["questions"]
    ]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
