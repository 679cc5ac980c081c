"""Checks the variables, one by one and together, and replaces what the SDK cannot use."""

import re
from collections.abc import Mapping

from .. import masking
from . import protocol, variables
from .problem import HIDDEN, Problem, reason, show, show_rest
from .rules import DEFAULTS, RULES, Rule

# Attributes that people write with underscores, as they write them in other places.
DOTTED = {
    "service_name": "service.name",
    "service_namespace": "service.namespace",
    "service_version": "service.version",
    "service_instance_id": "service.instance.id",
    "deployment_environment": "deployment.environment.name",
}


def is_otel(name: str) -> bool:
    """Return whether a variable is OpenTelemetry's, in capitals or not."""
    return name.upper().startswith("OTEL_")


class Validation:
    """The OTEL_* variables as given and as settled, and what was wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.given: dict[str, str] = {}
        for name, value in sorted(environ.items()):
            stripped = value.strip()
            if is_otel(name) and stripped:
                self.given[name] = stripped
        self.settled = DEFAULTS | self.given
        self.problems: list[Problem] = []

    def remove_misspelt(self) -> None:
        """Remove misspelt names.

        A name that is like none of OpenTelemetry's stays: it may be for another program.
        """
        for name in self.given:
            meant = variables.meant(name)
            if not meant:
                continue
            del self.settled[name]
            problem = Problem(
                key="misspelt",
                variable=name,
                value=HIDDEN,  # under the right name it may be a secret
                reason=reason("misspelt", meant=meant),
            )
            self.problems.append(problem)

    def check_values(self) -> None:
        """Check each value against the rules for its variable."""
        for variable, value in self.given.items():
            if variable not in self.settled:
                continue
            rule = _refusing_rule(variable, value)
            if not rule:
                continue
            salvaged = rule.salvage(value)
            if salvaged:
                self._keep(rule.key, variable, salvaged, expected=rule.expected)
            else:
                self._replace(rule.key, variable, expected=rule.expected)

    def fit_batches_into_queues(self) -> None:
        """Make batches fit into their queues: the SDK raises on one that is larger."""
        for processor in ("OTEL_BSP", "OTEL_BLRP"):
            batch = f"{processor}_MAX_EXPORT_BATCH_SIZE"
            queue = f"{processor}_MAX_QUEUE_SIZE"
            batch_size = int(self.settled.get(batch, 512))
            queue_size = int(self.settled.get(queue, 2048))
            if batch_size <= queue_size:
                continue
            # A batch as large as the queue would be sent only when the queue is full.
            quarter = max(1, queue_size // 4)
            fitting = str(quarter)
            if self._is_as_given(batch):
                self._replace(
                    "batch-and-queue",
                    batch,
                    fitting,
                    queue=queue,
                    size=queue_size,
                )
            self.settled[batch] = fitting

    def copy_length_limit(self) -> None:
        """Let a general length limit hold for spans, unless they are given one of their own."""
        general = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"
        spans = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
        if spans not in self.given and self._is_as_given(general):
            self.settled[spans] = self.settled[general]

    def complete_conventions(self) -> None:
        """Add http to a list without it: requests would have the old names."""
        variable = "OTEL_SEMCONV_STABILITY_OPT_IN"
        listed = self.settled[variable]
        if "http" not in listed:
            self.settled[variable] = f"http,{listed}"

    def check_sampler_argument(self) -> None:
        """Refuse a ratio that the sampler does not read: all traces would be sampled."""
        argument = "OTEL_TRACES_SAMPLER_ARG"
        sampler = self.settled["OTEL_TRACES_SAMPLER"]
        reads_it = "traceidratio" in sampler.lower()
        samples_all = float(self.settled[argument]) == 1
        if reads_it or samples_all or not self._is_as_given(argument):
            return
        using = f"{sampler} without an argument"
        self._replace("unused-argument", argument, using=using, sampler=sampler)

    def check_client_certificates(self) -> None:
        """Refuse client certificates on which gRPC ends the process, or which it ignores."""
        if protocol.PROTOCOL != "grpc":  # over HTTP the certificate's file may hold the key
            return
        for group in variables.GROUPS:
            authority = f"{group}CERTIFICATE"
            certificate = f"{group}CLIENT_CERTIFICATE"
            key = f"{group}CLIENT_KEY"
            if certificate not in self.settled:
                self._refuse_file("pair", key, missing=certificate)
            elif key not in self.settled:
                self._refuse_file("pair", certificate, missing=key)
            elif authority not in self.settled:
                self._refuse_file("no-authority", certificate, missing=authority)
                self._refuse_file("no-authority", key, missing=authority)

    def check_service_name(self) -> None:
        """Refuse the SDK's name for a service that has none."""
        variable = "OTEL_SERVICE_NAME"
        service = self.settled.get(variable, "")
        if _is_unknown(service):
            self._replace("unknown-service", variable, using="the name in the code")

    def check_attributes(self) -> None:
        """Remove resource attributes that hide the service, mix its processes up, or are secret."""
        variable = "OTEL_RESOURCE_ATTRIBUTES"
        attributes = self.settled.get(variable, "")
        kept: list[str] = []
        found: dict[str, str] = {}  # the key of each problem, and the attribute
        for item in attributes.split(","):
            if masking.is_secret(item):
                found["secret"] = ""
                continue
            name, value = _name_and_value(item)
            dotted = DOTTED.get(name, name)
            if dotted != name:
                found["underscore"] = dotted
            key = _wrong_attribute(dotted, value)
            if key:
                found[key] = dotted
            elif name:
                kept.append(f"{dotted}={value}")
        rest = ",".join(kept)
        for key, attribute in found.items():
            self._keep(key, variable, rest, attribute=attribute)

    def count_only_for_metrics(self) -> None:
        """Let the SDK count its own spans only where somebody gets the counts: it costs time."""
        flag = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"
        if self.settled["OTEL_METRICS_EXPORTER"].lower() == "none" and flag not in self.given:
            self.settled[flag] = "false"

    def unset_default_endpoint(self) -> None:
        """Leave the exporters' own default to them, so that code sees that nobody chose it."""
        endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
        if endpoint not in self.given:
            del self.settled[endpoint]

    def unset_no_compression(self) -> None:
        """Give each signal a compression of its own, or none: the gRPC exporter refuses "none"."""
        general = self.settled.pop("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        for signal in variables.SIGNALS:
            own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_COMPRESSION"
            compression = self.settled.setdefault(own, general)
            if compression.lower() == "none":
                del self.settled[own]

    def _is_as_given(self, variable: str) -> bool:
        """Return whether a variable was given, and no check has changed it."""
        given = self.given.get(variable)
        return given is not None and given == self.settled.get(variable)

    def _refuse_file(
        self,
        key: str,
        variable: str,
        missing: str,
    ) -> None:
        if variable in self.settled:
            using = "no client certificate"
            self._replace(key, variable, using=using, missing=missing)

    def _keep(
        self,
        key: str,
        variable: str,
        rest: str,
        **facts: object,
    ) -> None:
        """Use the rest of a list, and note the problem."""
        given = self.given[variable]
        using = "the attributes in the code"
        if rest:
            using = show_rest(variable, given, rest)
        self._replace(key, variable, rest, using, **facts)

    def _replace(
        self,
        key: str,
        variable: str,
        value: str | None = None,
        using: str = "",
        **facts: object,
    ) -> None:
        """Put a value in the place of a variable's, by default its default; note the problem.

        An empty value unsets the variable.
        """
        self.settled.pop(variable, None)
        if value is None:
            value = DEFAULTS.get(variable, "")
        if value:
            self.settled[variable] = value
        problem = Problem(
            key=key,
            variable=variable,
            value=show(variable, self.given[variable]),
            reason=reason(key, **facts),
            using=using or value or "no value",
        )
        self.problems.append(problem)


def _refusing_rule(variable: str, value: str) -> Rule | None:
    """Return the first rule that refuses a value."""
    for rule in RULES:
        if rule.is_for(variable) and not rule.accepts(value):
            return rule
    return None


def _name_and_value(item: str) -> tuple[str, str]:
    name, _, value = item.partition("=")
    return name.strip(), value.strip()


def _wrong_attribute(name: str, value: str) -> str:
    """Return the key of the problem with an attribute, or nothing."""
    if name == "service.instance.id":
        return "shared-instance"
    if name == "service.name" and _is_unknown(value):
        return "unknown-service"
    return ""


def _is_unknown(service: str) -> bool:
    """Return whether it is the SDK's name for a service that has none."""
    return re.fullmatch("unknown_service(:.*)?", service) is not None
