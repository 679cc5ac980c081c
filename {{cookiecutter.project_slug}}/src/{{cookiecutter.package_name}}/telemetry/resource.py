"""Step 1, the resource: which process sends. It is part of every span, metric and log record."""

import logging
from importlib.metadata import PackageNotFoundError, version
from uuid import uuid4

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.semconv.attributes import deployment_attributes, service_attributes

log = logging.getLogger(__name__)
NAME = "{{ cookiecutter.project_slug }}"


def build() -> Resource:
    """Return the resource: the defaults below, and what the environment sets instead or adds.

    The variables are OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    """
    defaults = {
        service_attributes.SERVICE_NAME: NAME,
        service_attributes.SERVICE_NAMESPACE: "{{ cookiecutter.team }}",
        service_attributes.SERVICE_VERSION: _version(),
        # New in each process: workers that shared an id would mix up their metrics.
        service_attributes.SERVICE_INSTANCE_ID: str(uuid4()),
        deployment_attributes.DEPLOYMENT_ENVIRONMENT_NAME: "development",
    }
    environment = OTELResourceDetector().detect()
    # create() reads the environment too, but prefers the attributes that it is given.
    return Resource.create(defaults).merge(environment)


def _version() -> str:
    try:
        return version(NAME)
    except PackageNotFoundError:
        log.warning("%s is not installed as a package: service.version is unknown", NAME)
        return "unknown"
