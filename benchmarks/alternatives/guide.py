"""The set-up that guides show: contrib's FastAPI middleware, batches, the gRPC exporter.

As in OpenTelemetry's Python pages about exporters and in the page of its FastAPI instrumentation.
"""

import os

from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .plain import configure, report, shutdown

__all__ = ["configure", "instrument", "report", "shutdown"]


def instrument(app: FastAPI) -> None:
    """Install the providers and the middleware, which end with the process (atexit)."""
    resource = Resource.create({SERVICE_NAME: "payment-service"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    if os.environ["OTEL_METRICS_EXPORTER"] == "otlp":
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))
    FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz,readyz")
