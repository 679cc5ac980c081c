"""The service: its README says what it does."""

from . import telemetry as telemetry  # first: OpenTelemetry raises on some bad settings while it is imported
