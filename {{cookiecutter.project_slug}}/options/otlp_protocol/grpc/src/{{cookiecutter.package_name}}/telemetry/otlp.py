"""OTLP over gRPC: the only module that imports exporters, and gives them no argument that a variable covers."""

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

span_exporter = OTLPSpanExporter
metric_exporter = OTLPMetricExporter
log_exporter = OTLPLogExporter
