"""What the handler finds in Lambda, set before it is imported."""

import os

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "OBJECTION_SECONDS": "1",
    "ROYALTIES_TABLE": "royalties",
}
