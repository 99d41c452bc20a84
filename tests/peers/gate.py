"""The gate: every request has to be right before a back end sees it, every answer before the client sees it."""

import dataclasses
import inspect
import sys
import time
import traceback

import sigv4
from errors import COMMON_STATUS, AwsError, Refused
from model import Mismatch, Service
from wire import Answer, error_answer, error_shape, result_answer

# Service in the scope of a signature -> model. The SDKs before 2023 sign IoT's control plane as execute-api.
SIGNING_NAMES = {
    "iot": "iot",
    "execute-api": "iot",
    "iotdata": "iot-data",
    "dynamodb": "dynamodb",
    "acm-pca": "acm-pca",
    "s3": "s3",
    "sts": "sts",
}
THROTTLING = {"dynamodb": "ProvisionedThroughputExceededException", "s3": "SlowDown"}
STATUS_NAMES = {500: "InternalFailureException", 503: "ServiceUnavailableException"}
BARE_PAGE = b"<html><body><h1>Service Unavailable</h1></body></html>"


@dataclasses.dataclass
class Outcome:
    """What goes to the client: an answer, and how the connection fares."""

    answer: Answer | None
    ending: str = "keep"  # keep, close (after the whole answer), truncate (half of it), drop (none of it)
    reset: bool = False  # a dropped connection ends by RST


class Gate:
    def __init__(self, region, clock, settings, faults, limits, backends):
        self.region, self.clock, self.settings = region, clock, settings
        self.faults, self.limits, self.backends = faults, limits, backends
        self.services = {name: Service(name) for name in backends}

    def handle(self, request, host, entry):
        """The outcome of a request that came to `host`; what happened goes into the log's `entry`."""
        service = operation = None
        try:
            parts = sigv4.parse(request)
            service = self.service(parts, request, host)
            entry.update(service=service.name, key=parts["key"])
            sigv4.verify(request, parts, self.region, self.clock.now())
            operation, members = service.read(request)
            entry["operation"] = operation.name
        except Refused as error:
            entry.update(outcome="refused", refused=str(error), error=error.name)
            return Outcome(error_answer(service, operation, error))
        return self.perform(service, operation, members, request, entry)

    def service(self, parts, request, host):
        name = SIGNING_NAMES.get(parts["service"])
        if name not in self.services:
            raise Refused(
                "InvalidSignatureException", f'Credential should be scoped to correct service, not {parts["service"]}'
            )
        service = self.services[name]
        named = request.headers.get("Host", "")
        real = f'{service.model.metadata["endpointPrefix"]}.{self.region}.amazonaws.com'
        if named not in (host, host.replace("127.0.0.1", "localhost"), real):
            raise Refused("UnknownOperationException", f"Host {named!r} is not {host} or {real}")
        return service

    def perform(self, service, operation, members, request, entry):
        if not self.limits.allows(service.name, operation.name):
            entry.update(outcome="throttled")
            return self.error(service, operation, self.throttled(service), entry)
        fault = self.faults.pick(service.name, operation.name)
        if fault is None:
            return self.effect(service, operation, members, request, entry)
        entry.update(outcome="fault", fault=fault.kind)
        outcome = self.effect(service, operation, members, request, entry) if fault.effect else None
        return self.strike(fault, service, operation, outcome, entry)

    @staticmethod
    def throttled(service):
        return AwsError(THROTTLING.get(service.name, "ThrottlingException"), "Rate exceeded")

    @staticmethod
    def error(service, operation, error, entry, status=None):
        entry["error"] = error.name
        return Outcome(error_answer(service, operation, error, status))

    def effect(self, service, operation, members, request, entry):
        """Lets the back end work; its answer or documented error, checked by the model."""
        entry["effect"] = True
        started = time.monotonic()
        try:
            value = self.call(service, operation, members, request, entry)
            service.check_answer(operation, value)
            return Outcome(result_answer(service, operation, value))
        except Refused as error:
            entry.update(outcome="refused", refused=str(error))
            return self.error(service, operation, error, entry)
        except AwsError as error:
            shape = error_shape(operation, error.name)
            if shape is None and error.name not in COMMON_STATUS:
                entry["bad_answer"] = f"{error.name} is no documented error"
            elif not set(error.members) <= set(shape.members if shape else ()):
                entry["bad_answer"] = f"{error.name} has no {sorted(error.members)}"
            return self.error(service, operation, error, entry)
        except Exception as error:  # whatever breaks in a fake must be seen, and must not hang the client
            if not isinstance(error, Mismatch):
                traceback.print_exc(file=sys.stderr)
            entry["bad_answer"] = f"{type(error).__name__}: {error}"
            return self.error(service, operation, AwsError("InternalFailure", str(error)), entry)
        finally:
            entry["backend_ms"] = round((time.monotonic() - started) * 1000, 3)

    def call(self, service, operation, members, request, entry):
        backend = self.backends[service.name]
        if hasattr(backend, "call"):
            return backend.call(operation.name, request.body)
        method = getattr(backend, operation.name, None)
        if method is None:
            raise Refused("UnknownOperationException", f"the peer has no {operation.name}")
        if "caller" in inspect.signature(method).parameters:
            members = {**members, "caller": entry["key"]}
        try:
            inspect.signature(method).bind(**members)
        except TypeError as error:
            raise Refused(service.invalid, f"the peer's {operation.name}: {error}") from None
        return method(**members)

    def strike(self, fault, service, operation, outcome, entry):
        """What a planned fault makes of the outcome, which is None when the fault came before any effect."""
        rule = fault.rule
        answer = outcome.answer if outcome else Answer(500, b"")
        if fault.kind in ("drop-before", "drop-after"):
            return Outcome(None, "drop", rule.get("reset", False))
        if fault.kind in ("close-after", "truncated"):
            return Outcome(answer, "close" if fault.kind == "close-after" else "truncate")
        if fault.kind == "slow":
            time.sleep(rule["ms"] / 1000)
            return outcome or Outcome(None, "drop")
        if fault.kind == "garbage":
            body = rule["body"].encode() if "body" in rule else b"\xff\x00<garbage>" * (rule.get("size", 22) // 11)
            return Outcome(Answer(200, body, {**answer.headers, **rule.get("headers", {})}))
        if fault.kind == "status" and (rule.get("bare") or rule["status"] not in STATUS_NAMES):
            return Outcome(Answer(rule["status"], BARE_PAGE, {"Content-Type": "text/html", **rule.get("headers", {})}))
        if fault.kind == "throttle":
            return self.error(service, operation, self.throttled(service), entry)
        name = rule["name"] if fault.kind == "error" else STATUS_NAMES[rule["status"]]
        error = AwsError(name, rule.get("message", f"planned {name}"), **rule.get("members", {}))
        return self.error(service, operation, error, entry, rule.get("status"))
