import json

from demo.log_lines import summary


def test_line_about_an_exception_ends_with_its_last_line():
    entry = {
        "level": "ERROR",
        "message": "upload_failed",
        "photo_id": "one",
        "exception": 'Traceback (most recent call last):\n  File "a.py"\nOSError: disk [full]\n',
    }
    assert summary(json.dumps(entry)) == "ERROR   upload_failed one OSError: disk [full]"
