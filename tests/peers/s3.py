"""S3: buckets are folders, objects are files in them, which tests may write by themselves."""

import hashlib
import os
import re

from errors import AwsError


class S3:
    def __init__(self, folder):
        self.folder = os.path.join(folder, "s3")
        os.makedirs(self.folder, exist_ok=True)

    def path(self, bucket, key):
        """The file of an object, in a bucket that is there; a key is a name, and leads nowhere else."""
        if not os.path.isdir(os.path.join(self.folder, bucket)) or bucket in (".", ".."):
            raise AwsError("NoSuchBucket", "The specified bucket does not exist")
        if any(part in ("", ".", "..") for part in key.split("/")):
            raise AwsError("NoSuchKey", "The specified key does not exist.")
        return os.path.join(self.folder, bucket, key)

    def GetObject(self, Bucket, Key, Range=None):
        path = self.path(Bucket, Key)
        if not os.path.isfile(path):
            raise AwsError("NoSuchKey", "The specified key does not exist.")
        with open(path, "rb") as file:
            content = file.read()
        found = {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "ContentType": "binary/octet-stream"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", Range or "")
        if wanted is None:  # S3 passes over a Range that it does not understand
            return {**found, "Body": content}
        first, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
        if first > last:
            raise AwsError("InvalidRange", "The requested range is not satisfiable")
        return {**found, "Body": content[first : last + 1], "ContentRange": f"bytes {first}-{last}/{len(content)}"}

    def PutObject(self, Bucket, Key, Body=b"", **_):
        path = self.path(Bucket, Key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(Body)
        return {"ETag": f'"{hashlib.md5(Body).hexdigest()}"'}

    def dump(self):
        return {}
