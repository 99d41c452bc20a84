"""DynamoDB through the gate: what the registration sink, the outbox and the leases rely on."""

import concurrent.futures

import rig
from rig import client, peer, unique

KEY = {
    "AttributeDefinitions": [{"AttributeName": "device", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "device", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Dynamo(rig.PeerCase):
    def setUp(self):
        super().setUp()
        self.dynamo, self.table = client("dynamodb"), unique("table")
        self.create(self.table, KEY)

    def create(self, table, key):
        self.dynamo.create_table(TableName=table, **key)
        rig.wait_until(lambda: self.dynamo.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")

    def put(self, device, run="1", **members):
        return self.dynamo.put_item(
            TableName=self.table, Item={"device": {"S": device}, "run": {"S": run}, "version": {"N": "1"}}, **members
        )

    def get(self, device):
        return self.dynamo.get_item(TableName=self.table, Key={"device": {"S": device}}, ConsistentRead=True).get(
            "Item"
        )

    def test_table(self):
        described = self.dynamo.describe_table(TableName=self.table)["Table"]
        self.assertEqual(described["KeySchema"], KEY["KeySchema"])
        self.assertIn(self.table, self.dynamo.list_tables()["TableNames"])
        self.refused("ResourceInUseException", 400, self.dynamo.create_table, TableName=self.table, **KEY)
        self.refused("ResourceNotFoundException", 400, self.dynamo.describe_table, TableName="unheard")
        self.refused(
            "ResourceNotFoundException", 400, self.dynamo.get_item, TableName="unheard", Key={"device": {"S": "a"}}
        )
        self.assert_gate_silent()

    def test_put_if_absent(self):
        self.put("a", "1", ConditionExpression="attribute_not_exists(device)")
        self.refused(
            "ConditionalCheckFailedException",
            400,
            self.put,
            "a",
            "2",
            ConditionExpression="attribute_not_exists(device)",
        )
        self.assertEqual(self.get("a"), {"device": {"S": "a"}, "run": {"S": "1"}, "version": {"N": "1"}})
        self.assertIsNone(self.get("b"))
        self.assert_gate_silent()

    def test_many_at_once(self):
        self.put("a")
        self.put("b")
        keys = [{"device": {"S": device}} for device in "abc"]
        answer = self.dynamo.batch_get_item(RequestItems={self.table: {"Keys": keys}})
        self.assertEqual(sorted(item["device"]["S"] for item in answer["Responses"][self.table]), ["a", "b"])
        self.assertEqual(answer["UnprocessedKeys"], {})
        self.refused(
            "ValidationException",
            400,
            self.dynamo.batch_get_item,
            RequestItems={self.table: {"Keys": keys + keys[:1]}},
        )
        self.assert_gate_silent()

    def test_our_own_lost_answer(self):
        peer().control("POST", "faults", {"operation": "PutItem", "kind": "drop-after", "nth": 1})
        with self.assertRaises(Exception):
            self.put("a", "ours", ConditionExpression="attribute_not_exists(device)")
        self.refused(
            "ConditionalCheckFailedException",
            400,
            self.put,
            "a",
            "ours",
            ConditionExpression="attribute_not_exists(device)",
        )
        self.assertEqual(self.get("a")["run"], {"S": "ours"})

    def test_lease_by_conditional_update(self):
        def lease(expected):
            return self.dynamo.update_item(
                TableName=self.table,
                Key={"device": {"S": "sequence"}},
                UpdateExpression="SET #n = :new",
                ConditionExpression="attribute_not_exists(#n) OR #n = :old",
                ExpressionAttributeNames={"#n": "next"},
                ExpressionAttributeValues={":new": {"N": str(expected + 100)}, ":old": {"N": str(expected)}},
                ReturnValues="ALL_NEW",
            )

        self.assertEqual(lease(0)["Attributes"]["next"], {"N": "100"})
        self.refused("ConditionalCheckFailedException", 400, lease, 0)
        self.assertEqual(lease(100)["Attributes"]["next"], {"N": "200"})

    def test_one_winner_of_many(self):
        def attempt(number):
            try:
                self.put("contested", str(number), ConditionExpression="attribute_not_exists(device)")
                return "won"
            except self.dynamo.exceptions.ConditionalCheckFailedException:
                return "lost"

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(sorted(pool.map(attempt, range(16))), ["lost"] * 15 + ["won"])

    def test_add(self):
        for total in ("5", "10"):
            answer = self.dynamo.update_item(
                TableName=self.table,
                Key={"device": {"S": "count"}},
                UpdateExpression="ADD n :step",
                ExpressionAttributeValues={":step": {"N": "5"}},
                ReturnValues="UPDATED_NEW",
            )
            self.assertEqual(answer["Attributes"], {"n": {"N": total}})

    def test_query_and_delete(self):
        table = unique("records")
        self.create(
            table,
            {
                "AttributeDefinitions": [
                    {"AttributeName": "unit", "AttributeType": "S"},
                    {"AttributeName": "at", "AttributeType": "N"},
                ],
                "KeySchema": [
                    {"AttributeName": "unit", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            },
        )
        for at in (3, 1, 2):
            self.dynamo.put_item(TableName=table, Item={"unit": {"S": "u"}, "at": {"N": str(at)}})
        found = self.dynamo.query(
            TableName=table,
            KeyConditionExpression="#u = :u",
            ExpressionAttributeNames={"#u": "unit"},
            ExpressionAttributeValues={":u": {"S": "u"}},
            ScanIndexForward=False,
            Limit=2,
            ConsistentRead=True,
        )
        self.assertEqual([item["at"]["N"] for item in found["Items"]], ["3", "2"])
        self.dynamo.delete_item(TableName=table, Key={"unit": {"S": "u"}, "at": {"N": "1"}})
        self.assertEqual(self.dynamo.scan(TableName=table)["Count"], 2)
        self.dynamo.delete_table(TableName=table)
        self.assert_gate_silent()

    def test_what_dynamodb_refuses(self):
        self.refused("ValidationException", 400, self.put, "")
        self.refused("ValidationException", 400, self.put, "a", ConditionExpression="attribute_not_exists(")
        self.refused("ValidationException", 400, self.dynamo.put_item, TableName=self.table, Item={"other": {"S": "x"}})

    def test_dump(self):
        self.put("a")
        self.put("b")
        rows = peer().state("dynamodb")["tables"][self.table]
        self.assertEqual(sorted(row["device"]["S"] for row in rows), ["a", "b"])

    def test_dynalite_ends_with_the_peer(self):
        own = rig.Peer()
        with open(f"/proc/{own.process.pid}/task/{own.process.pid}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
        self.assertEqual(len(children), 1)
        own.process.kill()
        own.process.wait()
        own.close()

        def gone():
            try:
                with open(f"/proc/{children[0]}/stat", encoding="ascii") as file:
                    return file.read().split()[2] == "Z"
            except (FileNotFoundError, ProcessLookupError):
                return True

        rig.wait_until(gone)
