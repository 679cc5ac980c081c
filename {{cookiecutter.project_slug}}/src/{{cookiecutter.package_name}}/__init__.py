"""The service: its README says what it does."""

from . import telemetry as telemetry  # before any library that imports OpenTelemetry; telemetry/ says why
