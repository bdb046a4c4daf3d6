"""`python -m try_it`: starts the daily report, and prints it."""

import json

import boto3

from tools.extract.try_it.stack import arguments, awaited, outputs


def main() -> None:
    names = outputs(arguments().stack)
    states, s3 = boto3.client("stepfunctions"), boto3.client("s3")
    started = states.start_execution(
        stateMachineArn=names["DailyReportStateMachineArn"], input="{}"
    )["executionArn"]
    print(f"started {started}")

    def status() -> str | None:
        found = states.describe_execution(executionArn=started)["status"]
        return None if found == "RUNNING" else found

    print(awaited("end of the execution", status))
    bucket = names["ReportsBucketName"]
    for each in s3.list_objects_v2(Bucket=bucket, Prefix="reports/").get("Contents", []):
        report = json.load(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"])
        print(f"{each['Key']}: {json.dumps(report, indent=2)}")


if __name__ == "__main__":
    main()
