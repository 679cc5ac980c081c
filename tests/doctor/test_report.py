"""What the doctor prints, when it ends, and what it never says."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from ..conftest import Projects
from ..harness.receiver import Fault, Receiver
from ..harness.service import clean_environment, free_port
from .run import LIMIT, doctor

pytestmark = pytest.mark.slow

OTLP = "OTEL_EXPORTER_OTLP"
SECRETS = ("hunter2secret", "p4ssw0rd-in-url", "t0ken-in-query", "pr0xy-secret", "db-s3cret-value")


def test_one_document_and_nothing_else(projects: Projects) -> None:
    """--json prints one object: status, error, service and checks, each with the same five fields."""
    with Receiver("grpc") as receiver:
        report = doctor(projects("grpc"), "--json", **{f"{OTLP}_ENDPOINT": receiver.endpoint})
    document = json.loads(report.out)
    assert [*document] == ["status", "error", "service", "checks"]
    assert {tuple(check) for check in document["checks"]} == {("about", "level", "key", "says", "fix")}
    assert document["service"]["service.name"] == "payment-service"


@pytest.mark.parametrize("fault", ["refused", "healthy", "malformed", "path"])
def test_no_secret_is_ever_printed(protocol: Any, fault: str, projects: Projects) -> None:
    """Headers, well-formed or not, credentials in URLs, and attributes stay out, also when the receiver repeats them."""
    repeated = " ".join(SECRETS)
    with Receiver(protocol) as receiver:
        refusal = grpc.StatusCode.UNAUTHENTICATED if protocol == "grpc" else 401
        if fault == "refused":
            receiver.fault = Fault.status(refusal, message=f"no: Bearer {repeated}")
        elif fault == "healthy":
            receiver.fault = Fault.partial_success(0, f"deprecated: {repeated}")
        endpoint, query = receiver.endpoint, f"?key={SECRETS[2]}" if fault == "path" else ""
        credentials = f"http://me:{SECRETS[1]}@127.0.0.1:{receiver.port}"
        headers = (
            f"authorization: Bearer {SECRETS[0]}" if fault == "malformed" else f"authorization=Bearer%20{SECRETS[0]}"
        )
        variables = {
            f"{OTLP}_ENDPOINT": credentials if fault == "path" else endpoint,
            f"{OTLP}_METRICS_ENDPOINT": f"{endpoint}/v1/metrics{query}",
            f"{OTLP}_HEADERS": headers,
            "OTEL_EXPORTER_OLTP_HEADERS": f"authorization=Bearer {SECRETS[0]}",
            "OTEL_RESOURCE_ATTRIBUTES": f"db.password={SECRETS[4]},queue=amqp://u:{SECRETS[1]}@h/",
            "OTEL_LOGS_EXPORTER": "otlp",
            f"{OTLP}_LOGS_ENDPOINT": f"http://{SECRETS[1]}@127.0.0.1:{free_port()}/v1/logs?t={SECRETS[2]}",
            "https_proxy" if protocol == "http" else "all_proxy": f"http://me:{SECRETS[3]}@127.0.0.1:1",
        }
        for option in ("--json", ""):
            report = doctor(projects(protocol), option, **variables)
            assert report.status == 1
            assert [secret for secret in SECRETS if secret in report.out + report.err] == []
    assert "REDACTED" in report.out


def test_a_header_that_is_an_ordinary_word_breaks_no_document(projects: Projects) -> None:
    """What is masked is what is said; the words of the document's own stay, also where a secret has quotes in it."""
    with Receiver("grpc") as receiver:
        receiver.fault = Fault.status(grpc.StatusCode.UNAUTHENTICATED, message="no: finding, invalid_hunter2secret_x")
        variables = {f"{OTLP}_ENDPOINT": receiver.endpoint, f"{OTLP}_HEADERS": "a=finding,b=says,c=hunter2secret"}
        report = doctor(projects("grpc"), **variables)
    assert [*report.findings] == ["unauthenticated"]
    assert report.findings["unauthenticated"].endswith("no: REDACTED, invalid_REDACTED_x")


def test_a_proxys_password_is_not_printed(protocol: Any, projects: Projects) -> None:
    """The finding about a proxy names where it is, and not who may use it."""
    port = free_port()
    variables = {
        f"{OTLP}_ENDPOINT": "http://collector.example:4317",
        "http_proxy": f"http://me:s3cret@127.0.0.1:{port}",
    }
    report = doctor(projects(protocol), **variables)
    assert [*report.findings] == ["proxy"]
    assert f"127.0.0.1:{port}" in report.words
    assert "s3cret" not in report.out + report.err


@pytest.mark.parametrize("timeout", ["600", "10"])
def test_it_ends_in_time_whatever_the_network_does(protocol: Any, timeout: str, projects: Projects) -> None:
    """Three signals, three black holes, and a timeout of ten minutes: a verdict within 15 s."""
    holes = [Receiver(protocol) for _ in range(3)]
    variables = {"OTEL_LOGS_EXPORTER": "otlp", f"{OTLP}_TIMEOUT": timeout}
    try:
        for hole, name in zip(holes, ("TRACES", "METRICS", "LOGS"), strict=True):
            hole.start()
            hole.fault = Fault.black_hole()
            variables[f"{OTLP}_{name}_ENDPOINT"] = f"{hole.endpoint}/v1/{name.lower()}"
        report = doctor(projects(protocol), **variables)
    finally:
        for hole in holes:
            hole.stop()
    assert report.seconds < LIMIT
    keys = {check["about"]: check["key"] for check in report.checks if check["level"] == "finding"}
    assert {*keys.values()} == {"black-hole" if protocol == "grpc" else "silent"}
    assert sorted(keys) == ["logs", "metrics", "traces"]


def start(project: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start the doctor."""
    return subprocess.Popen(
        [project / ".venv/bin/payment-service", "doctor", *arguments],
        env=clean_environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupted_doctor_could_not_run(projects: Projects) -> None:
    """Ctrl-C is exit status 2, a document that says so, and no traceback."""
    with Receiver("grpc") as receiver:
        receiver.fault = Fault.black_hole()
        with start(projects("grpc"), "--json", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as process:
            time.sleep(4)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)["error"]) == (2, "interrupted")
    assert "Traceback" not in err


def test_a_reader_that_goes_changes_nothing(projects: Projects) -> None:
    """`doctor | head -1` makes no noise, and the status still tells."""
    with start(projects("grpc"), OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(20) == 1
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_a_wrong_argument_is_no_verdict(projects: Projects) -> None:
    """What cannot be run is exit status 2."""
    with start(projects("grpc"), "--no-such-option") as process:
        process.communicate(timeout=20)
    assert process.returncode == 2


def test_it_changes_nothing(projects: Projects, tmp_path: Path) -> None:
    """No file is written, in the project, the working directory, HOME or the folder for temporary files."""
    project = projects("grpc")

    def files(folder: Path) -> set[str]:
        return {str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts}

    before = files(project)
    with Receiver("grpc") as receiver:
        folders = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        report = doctor(project, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, **folders)
    assert report.status == 0
    assert files(project) == before
    assert files(tmp_path) == set()


@pytest.mark.parametrize("healthy", [True, False])
def test_it_holds_back_a_release_that_would_be_silent(healthy: bool, projects: Projects) -> None:
    """The README's init container and ExecStartPre run a command that lets the service start only if telemetry arrives."""
    project = projects("grpc")
    readme = (project / "README.md").read_text()
    assert 'args: ["doctor"]' in readme
    assert "ExecStartPre=/app/.venv/bin/payment-service doctor" in readme
    with Receiver("grpc") as receiver:
        if not healthy:
            receiver.fault = Fault.status(grpc.StatusCode.PERMISSION_DENIED)
        done = subprocess.run(
            f"{project}/.venv/bin/payment-service doctor && echo started",
            shell=True,
            env=clean_environment() | {f"{OTLP}_ENDPOINT": receiver.endpoint, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, "started" in done.stdout) == ((0, True) if healthy else (1, False))
