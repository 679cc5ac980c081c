"""Step 1, the resource: who this process is. It stands on every span, metric and log record."""

from importlib.metadata import version
from uuid import uuid4

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.semconv.attributes import deployment_attributes, service_attributes

NAME = "{{ cookiecutter.project_slug }}"


def build() -> Resource:
    """Return the resource; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES beat what the code says."""
    code = {
        service_attributes.SERVICE_NAME: NAME,
        service_attributes.SERVICE_NAMESPACE: "{{ cookiecutter.team }}",
        service_attributes.SERVICE_VERSION: version(NAME),
        service_attributes.SERVICE_INSTANCE_ID: str(uuid4()),  # workers that shared one would mix up their metrics
        deployment_attributes.DEPLOYMENT_ENVIRONMENT_NAME: "development",
    }
    return Resource.create(code).merge(OTELResourceDetector().detect())  # create() alone would let the code win
