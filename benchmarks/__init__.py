"""What the generated service's telemetry costs, side by side with what people would use instead."""
