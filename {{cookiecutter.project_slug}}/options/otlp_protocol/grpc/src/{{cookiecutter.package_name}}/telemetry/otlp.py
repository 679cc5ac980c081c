"""OTLP over gRPC: the only module that imports exporters.

They get no argument that an OTEL_EXPORTER_OTLP_* variable covers, because it would silence the variable.
"""

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

span_exporter = OTLPSpanExporter
metric_exporter = OTLPMetricExporter
log_exporter = OTLPLogExporter
