"""Reads roles, policies and questions as JSON, and prints for each question who can, as JSON.

Run by the Python of .venv-checkers, which has iamprover and Z3; nothing else is imported.
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


def never_give_up() -> None:
    """Fail where Z3 cannot decide: iamprover takes its "unknown" for a proof."""
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
    pairs = ((expand_variables(a), expand_variables(b)) for a in left for b in right)
    return not left or not right or any(globs_intersect(*pair) for pair in pairs)


def touch(left: Statement, right: Statement) -> bool:
    """Whether both statements can match one request, as far as patterns tell.

    NotAction and NotResource count as everything.
    """
    actions = ([each.lower() for each in side.actions] for side in (left, right))
    return overlap(*actions) and overlap(left.resources, right.resources)


def reduced(policies: list[Policy], *requests: Statement) -> list[Policy]:
    """Without the statements that do not match one of the requests each.

    Z3 decides in milliseconds what takes it minutes with a hundred statements that cannot matter.
    """
    return [
        Policy(policy.name, [s for s in policy.statements if all(touch(s, r) for r in requests)])
        for policy in policies
    ]


def alone(policies: list[Policy], grant: Statement) -> list[Policy]:
    """With the grant as the only statement that allows something.

    A request is allowed if one grant at least allows it, so each may be asked about by itself. That
    leaves out the statements that deny only what other grants allow.
    """
    return [
        Policy(policy.name, [s for s in policy.statements if s is grant or s.effect == "Deny"])
        for policy in policies
    ]


def counterexample(
    principal: dict[str, Any], shared: list[Policy], question: dict[str, Any]
) -> dict[str, str] | None:
    """A request of the principal that is allowed and that the question speaks of."""
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
                and touch(statement, asked)
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
    never_give_up()
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
