"""How long each part of the doctor may take, in seconds.

A part of the path takes EXPORT + PROBE + REPORT at most: together no more than LIMIT.
"""

LIMIT = 11.5  # from the start of the process to the end of the report
EXPORT = 7.0  # an exporter waits for its receiver; OTEL_EXPORTER_OTLP_TIMEOUT may be longer
PROBE = 3.5  # a probe may go on after the exporter has failed
REPORT = 1.0  # Python starts, and the report is printed

PROBE_AFTER = 2.0  # an exporter without an answer for so long: start a probe while it waits
SLOWEST_START = 8.5  # a slower machine gets the rest of LIMIT nevertheless

CONNECT = 3.0  # a probe waits for its first connection
QUESTION = 1.5  # a probe waits for each answer; a network needs milliseconds
GREETING = 0.5  # a probe waits for a server that speaks first, as gRPC servers do
