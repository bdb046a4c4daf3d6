"""Regular expressions that validate a text match all of it."""

import ast
import subprocess

from tests.support.repository import ROOT


def unsafe_patterns(source: str) -> list[str]:
    """Patterns that end with `$`, which also matches before a line break at the end."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "re"
        and node.args
        and ast.unparse(node.args[0]).rstrip("'\"").endswith("$")
        and not ast.unparse(node.args[0]).rstrip("'\"").endswith("\\$")
    ]


def test_no_pattern_ends_with_a_dollar():
    listed = subprocess.run(
        ["git", "ls-files", "functions/*.py", "layers/*.py", "localcloud/*.py", "ops/*.py"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    files = listed.stdout.split()
    assert len(files) > 100
    found = {name: unsafe_patterns((ROOT / name).read_text()) for name in files}
    assert not {name: patterns for name, patterns in found.items() if patterns}


def test_a_dollar_at_the_end_is_found():
    assert unsafe_patterns('re.match(r"[a-z]+$", text)\nre.compile("a$")')
    assert not unsafe_patterns(
        r're.compile("a$b"); re.fullmatch(r"a\$", text); re.search("a\\Z", b)'
    )
