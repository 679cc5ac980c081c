"""OTLP over gRPC: the only module that imports exporters, and gives them no argument that a variable covers."""

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

__all__ = ["encode_spans", "log_exporter", "metric_exporter", "span_exporter"]  # the first for the doctor

span_exporter = OTLPSpanExporter
metric_exporter = OTLPMetricExporter
log_exporter = OTLPLogExporter
