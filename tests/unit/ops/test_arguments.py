import pytest

from ops.arguments import add_confirmation, add_parameters, stack_parser, stage_parser
from ops.stacks import STAGES


def test_stage_defaults_to_dev_and_must_be_in_samconfig(capsys: pytest.CaptureFixture[str]):
    parser = stage_parser("make deploy", "Deploys.")
    options = parser.parse_args([])
    assert (options.stage, options.stack, options.account) == ("dev", None, None)
    assert [parser.parse_args(["--stage", each]).stage for each in STAGES] == list(STAGES)
    with pytest.raises(SystemExit):
        parser.parse_args(["--stage", "test"])
    assert "invalid choice: 'test'" in capsys.readouterr().err


def test_parameters_add_up_and_confirmation_is_off_unless_given():
    parser = stage_parser("make deploy", "Deploys.")
    add_parameters(parser)
    add_confirmation(parser)
    options = parser.parse_args([])
    assert (options.parameter, options.yes) == ([], False)
    options = parser.parse_args(["--parameter", "A=1", "--yes", "--parameter", "B=2"])
    assert (options.parameter, options.yes) == (["A=1", "B=2"], True)


def test_commands_on_a_deployed_stack_use_the_dev_stack_unless_told_otherwise():
    parser = stack_parser("make trace", "Prints.")
    assert parser.parse_args([]).stack == "lambda-gallery-dev"
    assert parser.parse_args(["--stack", "mine"]).stack == "mine"
