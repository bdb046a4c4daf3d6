"""Event source mappings of Kinesis and DynamoDB streams on the laptop, as AWS Lambda runs them."""

from local.event_sources.poller import EventSources as EventSources
from local.event_sources.poller import running as running
