"""DynamoDB: dynalite, a process of the peer's own on a port of 127.0.0.1, which ends with the peer."""

import http.client
import json
import os
import subprocess
import threading

from errors import AwsError

# dynalite wants to see a signature and verifies none.
UNVERIFIED = "AWS4-HMAC-SHA256 Credential=gate/20000101/gate/dynamodb/aws4_request, SignedHeaders=host, Signature=gate"


class Dynamo:
    def __init__(self, modules):
        launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dynalite.js")
        # The pipe to its stdin is its life line: it ends when the peer does, however that ends.
        self.process = subprocess.Popen(
            ["node", launcher], env={**os.environ, "NODE_PATH": modules}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        line = self.process.stdout.readline().strip()
        if not line.isdigit():
            raise RuntimeError(f"dynalite did not start from {modules}: run tests/peers/install there")
        self.port, self.threads = int(line), threading.local()

    def call(self, operation, body):
        """The answer of an operation to a JSON body; AwsError when dynalite answers one."""
        connection = getattr(self.threads, "connection", None)
        if connection is None:
            connection = self.threads.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request(
            "POST",
            "/",
            body,
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"DynamoDB_20120810.{operation}",
                "X-Amz-Date": "20000101T000000Z",
                "Authorization": UNVERIFIED,
            },
        )
        answer = connection.getresponse()
        parsed = json.loads(answer.read())
        if answer.status != 200:
            name = parsed.get("__type", "InternalServerError").split("#")[-1]
            raise AwsError(name, parsed.get("message", parsed.get("Message", "")))
        return self.repaired(parsed)

    @staticmethod
    def repaired(answer):
        """A table's description by the model: whole ids (dynalite's are four digits short), and without what no
        model knows or, as a zero of decreases, counts as too small."""
        for table in (answer[name] for name in ("Table", "TableDescription") if name in answer):
            if "TableId" in table:
                table["TableId"] = table["TableId"].ljust(36, "0")
            table.pop("TableThroughputModeSummary", None)
            table.get("ProvisionedThroughput", {}).pop("NumberOfDecreasesToday", None)
        return answer

    def items(self, table):
        found, start = [], {}
        while True:
            page = self.call("Scan", json.dumps({"TableName": table, "ConsistentRead": True, **start}))
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def dump(self):
        return {"tables": {table: self.items(table) for table in self.call("ListTables", "{}")["TableNames"]}}
