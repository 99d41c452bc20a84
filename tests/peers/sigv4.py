"""Signature Version 4 as the services verify it; the expected signature comes from botocore's own signer."""

import calendar
import email.utils
import hashlib
import hmac
import re
import time

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from errors import Refused

# The only credentials that the peer knows: a user's, and a role's with its session token.
USER = Credentials("AKIAKEYLINEPEER00001", "peer+user/secret+0123456789abcdefghijklmn")
ROLE = Credentials("ASIAKEYLINEPEER00002", "peer+role/secret+0123456789abcdefghijklmn", "peer//session+token==")
KNOWN = {USER.access_key: USER, ROLE.access_key: ROLE}
SKEW_SECONDS = 300

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[^/,]+)/(?P<date>[0-9]{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


class Verifier(SigV4Auth):
    """Signs exactly the headers that the client says it signed."""

    def __init__(self, credentials, service, region, names):
        super().__init__(credentials, service, region)
        self.names = names

    def _normalize_url_path(self, path):
        """S3's keys are what they are: nothing of their path is put right, or encoded again."""
        rules = S3SigV4Auth if self._service_name == "s3" else SigV4Auth
        return rules._normalize_url_path(self, path)

    def headers_to_sign(self, request):
        chosen = HTTPHeaders()
        for name, value in request.headers.items():
            if name.lower() in self.names:
                chosen[name.lower()] = value
        return chosen


def parse(request):
    """The parts of the Authorization header: key, date, region, service, headers, signature."""
    text = request.headers.get("Authorization")
    if text is None:
        raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = AUTHORIZATION.fullmatch(text)
    if not found:
        raise Refused("IncompleteSignatureException", "The Authorization header is not a complete AWS4-HMAC-SHA256 one")
    return found.groupdict()


def timestamp(request):
    """The time of the request as (seconds, YYYYMMDDTHHMMSSZ)."""
    amz, plain = request.headers.get("X-Amz-Date"), request.headers.get("Date")
    try:
        moment = time.strptime(amz, "%Y%m%dT%H%M%SZ") if amz else email.utils.parsedate(plain)
        seconds = calendar.timegm(moment)
    except (TypeError, ValueError):
        raise Refused("IncompleteSignatureException", "no X-Amz-Date or Date that is a time") from None
    return seconds, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def check_time(seconds, stamp, scope_date, now):
    if stamp[:8] != scope_date:
        raise Refused("InvalidSignatureException", f"Date in Credential scope does not match YYYYMMDD from {stamp}")
    text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    if seconds < now - SKEW_SECONDS:
        raise Refused("InvalidSignatureException", f"Signature expired: {stamp} is now earlier than {text} - 5 min.")
    if seconds > now + SKEW_SECONDS:
        raise Refused(
            "InvalidSignatureException", f"Signature not yet current: {stamp} is still later than {text} + 5 min."
        )


def check_headers(request, names):
    if "host" not in names:
        raise Refused("InvalidSignatureException", "'Host' must be a signed header")
    for name in map(str.lower, request.headers.keys()):
        if name.startswith("x-amz-") and name not in names:
            raise Refused("InvalidSignatureException", f"{name} must be a signed header")


def check_token(credentials, request):
    if request.headers.get("X-Amz-Security-Token") != credentials.token:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")


def verify(request, parts, region, now):
    """Refused unless the request was signed by known credentials, for this region, now, and with just this body."""
    credentials = KNOWN.get(parts["key"])
    if credentials is None:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    if parts["region"] != region:
        raise Refused(
            "InvalidSignatureException", f'Credential should be scoped to a valid region, not {parts["region"]}'
        )
    names = parts["headers"].split(";")
    seconds, stamp = timestamp(request)
    check_time(seconds, stamp, parts["date"], now)
    check_headers(request, names)
    claimed = request.headers.get("X-Amz-Content-SHA256")
    if claimed is None and parts["service"] == "s3":
        raise Refused("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if claimed is not None and claimed != hashlib.sha256(request.body).hexdigest():
        raise Refused("InvalidSignatureException", "X-Amz-Content-SHA256 is not the hash of this body")
    expected = signature(request, parts, credentials, names, stamp)
    if not hmac.compare_digest(expected, parts["signature"]):
        raise Refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
    check_token(credentials, request)
    return credentials


def signature(request, parts, credentials, names, stamp):
    # Parameters are handed over decoded, so that the signer encodes them canonically whatever the client wrote.
    signed = AWSRequest(
        request.method, f"http://peer{request.path}", headers=request.headers, data=request.body, params=request.query
    )
    signed.context["timestamp"] = stamp
    signer = Verifier(credentials, parts["service"], parts["region"], names)
    return signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed)
