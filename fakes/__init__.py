"""AWS services in memory, with data for them, for tests and benchmarks."""
