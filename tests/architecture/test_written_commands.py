"""Every command in a document exists, and says how it is tested.

tests/e2e/test_written_commands.py runs those that a laptop can run.
"""

import pytest

from tests.support.commands import CommandError, check
from tests.support.documents import (
    ACCOUNT,
    INLINE,
    LAPTOP,
    PARSED,
    Command,
    DocumentError,
    all_commands,
    commands_in,
    pages,
)

MARK = "<!-- commands: {} -->\n"
BLOCK = "```console\n$ make up   # runs\nanswer\n```\n"
# pytest's own import of the sam CLI warns about what it uses.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def distinct() -> list[Command]:
    """One of the commands with the same text, since most are written more than once."""
    return list({command.text: command for command in reversed(all_commands())}.values())


@pytest.mark.parametrize("command", distinct(), ids=lambda command: command.text)
def test_command_exists_with_these_options(command: Command):
    try:
        check(command.text)
    except CommandError as error:
        pytest.fail(f"{command.page}:{command.line}: {command.text}: {error}", pytrace=False)


@pytest.mark.parametrize("page", pages())
def test_every_page_says_how_its_commands_are_tested(page: str):
    commands_in(page, pages()[page])


def test_some_commands_are_of_each_kind():
    assert {command.how for command in all_commands()} == {INLINE, LAPTOP, ACCOUNT, PARSED}


def test_a_comment_applies_to_all_commands_before_the_next():
    text = (
        MARK.format("laptop")
        + BLOCK
        + "`make down` ends it.\n"
        + BLOCK
        + MARK.format("parsed (long)")
        + BLOCK
    )
    assert commands_in("a.md", text) == [
        Command("a.md", 3, "make up", LAPTOP),
        Command("a.md", 6, "make down", INLINE),
        Command("a.md", 8, "make up", LAPTOP),
        Command("a.md", 13, "make up", PARSED),
    ]


def test_a_runbook_is_for_an_account():
    [command] = commands_in("docs/runbooks/throttles.md", BLOCK)
    assert command.how == ACCOUNT


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BLOCK, "a.md:2: say in a comment"),
        (MARK.format("parsed") + BLOCK, "a.md:1: expected laptop, account, or parsed"),
        (MARK.format("cloud") + BLOCK, "a.md:1: expected laptop"),
        (MARK.format("laptop") + "```sh\n$ make up\n```\n", "a.md:3: put commands into"),
    ],
)
def test_a_command_without_a_valid_comment_is_found(text: str, fault: str):
    with pytest.raises(DocumentError, match=fault):
        commands_in("a.md", text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("make dance", "no target 'dance'"),
        ("make redrive TEMPO=3", "does not use TEMPO"),
        ("make redrive ARGS='--kind photo'", "invalid choice: 'photo'"),
        ("make deploy ARGS='--parameter Size=3'", "no parameter 'Size'"),
        ("make invoke FUNCTION=Thumbnailer", "no function 'Thumbnailer'"),
        ("make invoke EVENT=events/nothing.json", "no file events/nothing.json"),
        ("make up DEBUG=ThumbnailFunction", "no function"),
        ("make e2e ARGS=--speed=3", "no option"),
        ("make up ARGS=--fast", "does not use ARGS"),
        ("aws s4api list-objects", "no service 's4api'"),
        ("aws s3api list-everything --bucket <b>", "no operation"),
        ("aws s3api list-objects-v2 --pail <b>", r"no option \['pail'\]"),
        ("aws s3api get-object --bucket <b>", r"also needs \['key'\]"),
        ("""aws dynamodb get-item --table-name T --key '{"a": }'""", "not JSON"),
        ("sam dance --hard", "no command 'dance'"),
        ("sam local invoke --harder F", "no option --harder"),
        ("python -m localcloud upp", "invalid choice: 'upp'"),
        ("python -m localcloud up --ports 3", "unrecognized|ambiguous"),
        ("python -m ops.nothing", "no module ops.nothing"),
        ("python bench/nothing.py", "no file bench/nothing.py"),
        (".venv/bin/pytest -q tests/unit/nothing.py", "no file"),
        ("sam build && make dance", "no target"),
        ("ruby -e 1", "no test knows 'ruby'"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, fault: str):
    with pytest.raises(CommandError, match=fault):
        check(text)


def test_a_placeholder_is_accepted():
    check("make trace PHOTO=<id> STACK=… ARGS=--json")
    check("make <target>")
