from localcloud.ministack.load_balancers import event_of_target


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
