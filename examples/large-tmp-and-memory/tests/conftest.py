"""What the handler finds in Lambda, set before it is imported."""

import os

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "SORTED_BUCKET": "sorted",
    "TMP_MEGABYTES": "512",
}
