"""What a part of a template refers to."""

import pytest

from tools.extract.references import References
from tools.extract.yaml_text import compose

INCLUDING = """\
Policies:
  Fn::Transform: {Name: AWS::Include, Parameters: {Location: permissions/meter.yaml}}
"""


def test_included_file_that_git_does_not_know_is_named():
    with pytest.raises(FileNotFoundError, match=r"permissions/meter.yaml.*git does not know"):
        References().add(compose(INCLUDING).node, {})


def test_names_of_an_included_file_are_found():
    found = References().add(compose(INCLUDING).node, {"permissions/meter.yaml": "!Ref Table"})
    assert (found.names, found.included) == ({"Table"}, {"permissions/meter.yaml"})
