"""The shipped configurations of the OpenTelemetry Collector, in a real one."""
