"""OpenTelemetry, set up in the one order that works.

configure() does it in seven numbered steps; read it first. Importing this package corrects the
OTEL_* variables of this process and wraps the libraries that are traced. Your code may use the
names in `__all__`; the modules of this package change with the template.
"""

import gc
import logging

from . import settings

# Before the imports below: OpenTelemetry raises on some bad values while it is imported.
settings.correct()

from opentelemetry import _logs, metrics, propagate, trace

from . import (
    instrumentation,
    log_format,
    masking,
    propagation,
    providers,
    resource,
    start_line,
)
#% if cookiecutter.framework == "fastapi"
from .exceptions import RecordExceptions
#% endif
from .export import quiet
from .log_format import TraceFormatter, log_formatter
from .masking import scrub
from .process import draining, forks
from .process.draining import DEADLINE_SECONDS
from .process.exit import drain_at_exit
#% if cookiecutter.framework == "celery"
from .queue_tracing import trace_tasks
#% endif
from .user_files import write_log_lines

__all__ = [
    "DEADLINE_SECONDS",
#% if cookiecutter.framework == "fastapi"
    "RecordExceptions",
#% endif
    "TraceFormatter",
    "configure",
    "log_formatter",
    "report",
    "scrub",
    "shutdown",
#% if cookiecutter.framework == "celery"
    "trace_tasks",
#% endif
]

#% if cookiecutter.framework == "celery"
lifecycle = draining  # the tasks.py of a service of 0.1.0 to 0.3.0 uses this name
#% endif
log = logging.getLogger(__name__)
_reported = False

# Now, and not in configure(): your modules are imported next, and may take names from libraries.
if not settings.variables.sdk_disabled():
    instrumentation.wrap_libraries()


def configure() -> None:
    """Set up traces, metrics and logs from the OTEL_* variables.

    Call it once in each process, after any fork; a second call does nothing. A provider that is
    already installed, by a zero-code agent or a test, stays. A bad setting is logged as one ERROR
    and stops nothing.
    """
    if not forks.first_call_in_this_process():
        return
    report()
    if settings.variables.sdk_disabled():
        log.warning("OTEL_SDK_DISABLED is true: this service sends no telemetry")
        return

    # 1. The resource says which process sends. Providers take it once, and never change it.
    identity = resource.build()
    start_line.write(identity.attributes)

    # For each signal: 2. a provider, 3. its processor, which makes batches (for metrics a reader),
    #    4. the processor's exporter, which sends them. Metrics come first and are global at once:
    #    the processors of the others ask for a meter, to count what they lose.
    meter_provider = providers.meter_provider(identity, current=metrics.get_meter_provider())
    if meter_provider:
        metrics.set_meter_provider(meter_provider)
    tracer_provider = providers.tracer_provider(identity, current=trace.get_tracer_provider())
    logger_provider = providers.logger_provider(identity, current=_logs.get_logger_provider())

    # 5. Propagators carry a trace and its baggage from service to service. OpenTelemetry installed
    #    those of OTEL_PROPAGATORS while it was imported; only "none" needs another one.
    if not propagate.get_global_textmap().fields:
        propagate.set_global_textmap(propagation.NoPropagator())

    # 6. Global: from here on every library that asks OpenTelemetry for a tracer gets ours.
    if tracer_provider:
        trace.set_tracer_provider(tracer_provider)
    if logger_provider:
        _logs.set_logger_provider(logger_provider)
        instrumentation.send_log_records()

    # 7. Instrumentation comes last. Libraries are wrapped already, and their tracers work from here
    #    on; this starts what measures the process.
    instrumentation.start()

    # Metrics end last: they count the losses of the others.
    draining.register([tracer_provider, logger_provider], then=[meter_provider])
    drain_at_exit()

    # What was made so far stays until the process ends. The garbage collector need not look at it
    # again: each of its full runs stops all requests for some milliseconds.
    gc.collect()
    gc.freeze()


def report() -> None:
    """Write log lines to standard output, and log one ERROR for each bad setting, once.

    configure() calls it. A process that only starts workers calls it itself: there the workers
    call configure().
    """
    global _reported
    write_log_lines()
    for handler in logging.getLogger().handlers:
        handler.addFilter(masking.MASKED)
    quiet.start()
    if _reported:
        return
    _reported = True
    for problem in [*settings.problems, log_format.problem()]:
        if problem:
            log.error("%s", problem)


def shutdown() -> None:
    """Send what is queued and stop, within DEADLINE_SECONDS; a second call does nothing."""
    draining.drain()
