"""OTLP over HTTP, as protobuf: the only module that imports exporters.

They are called without arguments: an argument would silence the OTEL_EXPORTER_OTLP_* variable that covers it.
"""

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

__all__ = ["OTLPLogExporter", "OTLPMetricExporter", "OTLPSpanExporter"]
