"""Step 4, the exporters: send, try again, split what is too large, count what is dropped.

The path of a batch of spans or log records, file by file: the batch processor gives it to
retrying.py, which sends it again while the receiver is away (outage.py logs that). sending.py
sends it in parts. otlp.py has the exporter, which sends one request. encoding/ makes its bytes.
answers.py reads what the receiver answers, and sending.py counts and logs what is dropped.

Metrics skip the first step: points.py splits them, and the next export brings what was not sent.
"""
