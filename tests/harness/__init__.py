"""A real OTLP receiver, and the certificates it needs, for tests, the demo and benchmarks."""
