"""`python -m tools.vetting`: checks the policies of every stage, and proves the invariants."""

import sys

from tools.vetting.deployment import STAGES, deployed
from tools.vetting.documents import documents
from tools.vetting.invariants import principals, read_table, violations
from tools.vetting.policies import problems


def main() -> int:
    """Return 0 only if there is no finding."""
    invariants = read_table("Roles of the stack")
    findings = []
    for stage in STAGES:
        deployment = deployed(stage)
        found = problems(documents(deployment))
        found += violations(invariants, principals(deployment), deployment)
        findings += [f"{stage}: {each}" for each in found]
    for each in findings:
        print(each, file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
