"""The service. Its README says what it does."""

# First: OpenTelemetry raises on some invalid settings while it is imported.
from . import telemetry as telemetry
