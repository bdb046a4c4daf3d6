from localcloud.ministack.load_balancers import answer_to_caller, event_of_target


def test_event_with_multiple_values_has_no_single_ones_and_keeps_the_query_encoded():
    event = {
        "httpMethod": "GET",
        "headers": {"accept": "*/*"},
        "queryStringParameters": {"a": "x y"},
        "multiValueHeaders": {"accept": ["*/*"]},
        "multiValueQueryStringParameters": {"a": ["x y", "z"]},
    }
    assert event_of_target(event, "a=x%20y&a=z&b") == {
        "httpMethod": "GET",
        "multiValueHeaders": {"accept": ["*/*"]},
        "multiValueQueryStringParameters": {"a": ["x%20y", "z"], "b": [""]},
    }


def test_event_with_single_values_stays_as_it_is():
    event = {"headers": {"accept": "*/*"}, "queryStringParameters": {"a": "x%20y"}}
    assert event_of_target(event, "a=x%20y") == event


def test_error_of_a_function_is_hidden_and_its_own_answer_is_not():
    error = (502, {}, b'{"message": "Lambda error: {\\"errorMessage\\": \\"secret\\"}"}')
    status, headers, body = answer_to_caller(error)
    assert (status, headers) == (502, {"Content-Type": "text/html"})
    assert b"secret" not in body
    own = (502, {"Content-Type": "application/json"}, b'{"message": "the stock is closed"}')
    assert answer_to_caller(own) == own
