"""Signs with botocore what test-sigv4 signs: a JSON request a line in, its headers' Authorization a line out."""
import datetime
import json
import sys

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

now = None


class FixedTime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return now


class FixedModule:
    datetime = FixedTime


botocore.auth.datetime = FixedModule

for line in sys.stdin:
    asked = json.loads(line)
    now = datetime.datetime.utcfromtimestamp(asked["time"])
    url = "https://" + asked["host"] + asked["path"]
    request = AWSRequest(method=asked["method"], url=url, data=asked["body"].encode("latin-1"))
    if asked["query"]:
        request.params = [tuple(pair) for pair in asked["query"]]
    for name, value in asked["headers"]:
        request.headers.add_header(name, value)
    request.headers.add_header("Host", asked["host"])
    credentials = Credentials(asked["id"], asked["secret"], asked["token"] or None)
    s3 = asked["service"] == "s3"
    signer = botocore.auth.S3SigV4Auth if s3 else botocore.auth.SigV4Auth
    signer(credentials, asked["service"], asked["region"]).add_auth(request)
    print(request.headers["Authorization"], request.headers["X-Amz-Date"])
