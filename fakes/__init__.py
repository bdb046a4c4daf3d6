"""AWS services in memory, and what they hold, for tests and benchmarks alike."""
