"""What telemetry does when the process forks and when it ends."""
