"""Event source mappings of streams and queues on the laptop, as AWS Lambda runs them."""

from localcloud.event_sources.poller import EventSources as EventSources
from localcloud.event_sources.poller import running as running
