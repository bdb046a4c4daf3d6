"""What the handlers find in Lambda, set before they are imported."""

import os
from pathlib import Path

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "APPLICATION_SECRET": "application",
    "CERTIFICATE_FILE": str(Path(__file__).with_name("authority.pem")),
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_NAME": "loans",
    "DATABASE_PORT": "5432",
    "SECRET": "secret",
}
