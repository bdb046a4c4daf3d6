"""What a decided condition leaves of a template."""

from textwrap import dedent

import pytest

from tools.extract.conditions import apply, assume, consequences
from tools.extract.yaml_text import compose

CONDITIONS = dedent("""\
    Conditions:
      Edge: !Equals [!Ref Page, cloudfront]
      Tls: !Not [!Equals [!Ref Stage, local]]
      EdgeOrTls: !Or [!Condition Edge, !Condition Tls]
      EdgeAndTls: !And
        - !Condition Edge
        - !Condition Tls
        - !Not [!Equals [!Ref Limit, 0]]
      NotEdge: !Not [!Condition Edge]
    """)


def decided(*, edge: bool) -> dict[str, bool | str]:
    section = compose(CONDITIONS).find("Conditions")
    assert section
    return consequences(section, {"Edge": edge})


def test_what_follows_from_a_condition_that_never_holds():
    assert decided(edge=False) == {
        "Edge": False,
        "EdgeOrTls": "Tls",
        "EdgeAndTls": False,
        "NotEdge": True,
    }


def test_what_follows_from_a_condition_that_always_holds():
    assert decided(edge=True) == {"Edge": True, "EdgeOrTls": True, "NotEdge": False}


def test_term_that_is_always_true_is_removed_from_a_condition_that_stays():
    expected = CONDITIONS.splitlines(keepends=True)
    assert apply(CONDITIONS, decided(edge=True)) == "".join(
        [expected[0], expected[2], expected[4], expected[6], expected[7]]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A: !If [Edge, !Ref B, none] # why\n", "A: none # why\n"),
        ("A:\n  B: !If [Edge, c, !Ref AWS::NoValue]\n  D: e\n", "A:\n  D: e\n"),
        ("A:\n  - {Fn::If: [Edge, b, c]}\n", "A:\n  - c\n"),
        (
            "A:\n  - b\n  - Fn::If:\n      - Edge\n      - Sid: c\n      - {Ref: 'AWS::NoValue'}\n",
            "A:\n  - b\n",
        ),
        (
            "A:\n  - Fn::If:\n      - Edge\n      - b\n      - Sid: c # d\n        E: [f]\n  - g\n",
            "A:\n  - Sid: c # d\n    E: [f]\n  - g\n",
        ),
        (
            "A:\n  B: !If\n    - Edge\n    - c\n    - D: e\n      F: g\n",
            "A:\n  B:\n    D: e\n    F: g\n",
        ),
        ("A:\n  Fn::If:\n    - Edge\n    - c\n    - D: e\n      F: g\n", "A:\n  D: e\n  F: g\n"),
        ("A: {Condition: EdgeOrTls, B: c}\n", "A: {Condition: Tls, B: c}\n"),
        ("A:\n  Condition: NotEdge\n  B: c\n", "A:\n  B: c\n"),
        ("A: !If [EdgeOrTls, b, c]\n", "A: !If [Tls, b, c]\n"),
        ("A: !If [Edge, b, !If [NotEdge, c, d]]\n", "A: c\n"),
    ],
)
def test_branch_that_holds_replaces_the_choice(text: str, expected: str):
    assert apply(text, decided(edge=False)) == expected


def test_file_of_a_resource_with_a_condition_need_not_ask_for_it():
    text = "A:\n  - Fn::If:\n      - Tls\n      - B: c\n        D: e\n      - e\n"
    assert assume(text, "Tls") == "A:\n  - B: c\n    D: e\n"
    assert assume(text, "Other") == text
