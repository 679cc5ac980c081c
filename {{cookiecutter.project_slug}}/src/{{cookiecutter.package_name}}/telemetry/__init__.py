"""OpenTelemetry, set up in the one order that works.

To import it puts the OTEL_* variables of this process right.
Your code may use the names in `__all__`. The modules of this package change with the template.
"""

import logging
import os

from . import settings

problems = settings.settle()  # before the imports below: OpenTelemetry raises on some bad values while it is imported

from opentelemetry import _logs, metrics, propagate, trace

from . import instrumentation, masking, process, propagation, providers, resource, start_line
from .export import quiet
from .log_format import TraceFormatter
from .masking import scrub
from .process import DEADLINE_SECONDS
#% if cookiecutter.framework == "celery"
from .queue_tracing import trace_tasks
#% endif
from .user_files import write_to_stdout

__all__ = [
    "DEADLINE_SECONDS",
    "TraceFormatter",
    "configure",
    "report",
    "scrub",
    "shutdown",
#% if cookiecutter.framework == "celery"
    "trace_tasks",
#% endif
]

#% if cookiecutter.framework == "celery"
lifecycle = process  # its name in versions 0.1.0 to 0.3.0: the tasks.py of such a service uses it
#% endif
log = logging.getLogger(__name__)


def configure() -> None:
    """Set up traces, metrics and logs from the OTEL_* variables: in each process, after any fork, once.

    A provider that is already there (a zero-code agent's, a test's) stays. A bad setting is one ERROR, and no more.
    """
    if not process.first_call_in_this_process():
        return
    report()
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        log.warning("OTEL_SDK_DISABLED is true: this service sends no telemetry")
        return

    # 1. The resource says who we are. Providers take it once, and never change it.
    me = resource.build()
    log.info(start_line.line(me.attributes))

    # 2. A provider for each signal, 3. with a batch processor, 4. with the exporter that sends.
    #    Metrics come first and are global at once, so that the rest counts its losses from the beginning.
    if meter_provider := providers.meter_provider(me, unless=metrics.get_meter_provider()):
        metrics.set_meter_provider(meter_provider)
    tracer_provider = providers.tracer_provider(me, unless=trace.get_tracer_provider())
    logger_provider = providers.logger_provider(me, unless=_logs.get_logger_provider())

    # 5. Propagators carry a trace and its baggage from service to service. OpenTelemetry installed both, or what
    #    OTEL_PROPAGATORS lists, while it was imported; only an empty list needs help.
    if not propagate.get_global_textmap().fields:
        propagate.set_global_textmap(propagation.Nothing([]))

    # 6. Global: from here on every library that asks OpenTelemetry for a tracer gets ours.
    if tracer_provider:
        trace.set_tracer_provider(tracer_provider)
    if logger_provider:
        _logs.set_logger_provider(logger_provider)
        instrumentation.send_log_records()

    # 7. Instrumentation comes last: it asks for its tracer once.
    instrumentation.start()

    process.to_drain[:] = [tracer_provider, logger_provider], [meter_provider]  # last: metrics count the others
    process.at_exit()  # for a process that ends without calling it


def report() -> None:
    """Log one ERROR for each bad setting, once: in configure(), or before it in a process that starts others."""
    write_to_stdout()
    for handler in logging.getLogger().handlers:
        handler.addFilter(masking.MASKED)
    quiet.start()
    while problems:
        log.error(problems.pop(0))


def shutdown() -> None:
    """Send what is queued and stop, within DEADLINE_SECONDS; a second call does nothing."""
    process.drain()
