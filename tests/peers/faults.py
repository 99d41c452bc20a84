"""Planned faults and rate limits: what a test asks of the peer before it lets the station loose."""

import threading
import time

# kind: whether the operation takes effect, unless the rule says otherwise by `effect`.
KINDS = {
    "drop-before": False,  # connection closed, no answer
    "drop-after": True,
    "close-after": True,  # answered, then closed without having said so: a kept connection goes stale
    "status": False,  # an HTTP status; `bare`: an HTML page, as a load balancer answers
    "throttle": False,
    "error": False,  # an error by name
    "slow": True,  # the answer comes `ms` late
    "garbage": True,  # 200 with a body that is none: `body`, or `size` bytes
    "truncated": True,  # half of the body, then closed
}
NEEDS = {"status": "status", "error": "name", "slow": "ms"}
MEMBERS = {
    "service",
    "operation",
    "kind",
    "nth",
    "every",
    "times",
    "effect",
    "reset",
    "status",
    "name",
    "message",
    "members",
    "ms",
    "bare",
    "body",
    "size",
    "headers",
}


class Fault:
    def __init__(self, rule):
        unknown = set(rule) - MEMBERS
        if unknown or rule.get("kind") not in KINDS:
            raise ValueError(f"a fault has no {sorted(unknown)}" if unknown else f'no fault kind {rule.get("kind")}')
        needed = NEEDS.get(rule["kind"])
        if needed and needed not in rule:
            raise ValueError(f'kind {rule["kind"]} needs {needed}')
        self.rule, self.seen, self.struck = rule, 0, 0
        self.kind = rule["kind"]
        self.effect = rule.get("effect", KINDS[self.kind])

    def strikes(self, service, operation):
        if self.rule.get("service", "*") not in ("*", service) or self.rule.get("operation", "*") not in (
            "*",
            operation,
        ):
            return False
        self.seen += 1
        if "nth" in self.rule:
            hit = self.seen == self.rule["nth"]
        else:
            hit = self.seen % self.rule.get("every", 1) == 0 and self.struck < self.rule.get("times", float("inf"))
        self.struck += hit
        return hit


class Faults:
    """The rules in the order they were planted; the first that strikes decides a call."""

    def __init__(self):
        self.lock, self.rules = threading.Lock(), []

    def plant(self, rules):
        planted = [Fault(rule) for rule in (rules if isinstance(rules, list) else [rules])]
        with self.lock:
            self.rules += planted

    def clear(self):
        with self.lock:
            self.rules = []

    def pick(self, service, operation):
        with self.lock:
            return next((fault for fault in self.rules if fault.strikes(service, operation)), None)

    def dump(self):
        with self.lock:
            return [{**fault.rule, "seen": fault.seen, "struck": fault.struck} for fault in self.rules]


class Limits:
    """Token buckets per "service.Operation", as an account has them: each holds a second's worth, at least one."""

    def __init__(self):
        self.lock, self.buckets = threading.Lock(), {}

    def set(self, rates):
        buckets = {key: [float(rate), max(1.0, float(rate)), time.monotonic()] for key, rate in rates.items()}
        with self.lock:
            self.buckets = buckets

    def allows(self, service, operation):
        with self.lock:
            bucket = self.buckets.get(f"{service}.{operation}")
            if bucket is None:
                return True
            rate, tokens, last = bucket
            now = time.monotonic()
            tokens = min(max(1.0, rate), tokens + (now - last) * rate)
            allowed = tokens >= 1.0
            bucket[1:] = [tokens - allowed, now]
            return allowed
