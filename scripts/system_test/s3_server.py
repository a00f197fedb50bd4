"""An S3 server that lives as long as a step, and a wire to it that can be cut."""

import contextlib
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.request
from urllib.parse import quote

import boto3

from .checks import PATIENCE, check, wait_until
from .ports import free_port

BUCKET = "bucket"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


class Bucket:
    """The bucket of a server, past everything that is tested."""

    def __init__(self, client):
        self.client = client

    def put(self, key, content=b""):
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def get(self, key):
        return self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def find(self, key):
        """What a key holds, or None. A listing may still have a key that is gone: Garage's nodes filter theirs first."""
        try:
            return self.get(key)
        except self.client.exceptions.NoSuchKey:
            return None

    def delete(self, key):
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def keys(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def uploads(self):
        """The multipart uploads that are neither completed nor aborted."""
        return self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])

    def abort_uploads(self):
        """As the service itself does it to those that have begun too long ago."""
        for upload in self.uploads():
            self.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])


class S3(Bucket):
    """moto with one bucket; everything is in its memory."""

    def __init__(self, port=None):
        self.port = port or free_port()
        program = pathlib.Path(sys.executable).with_name("moto_server")
        self.process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        client = boto3.client(
            "s3", endpoint_url=self.url, region_name=KEYS["AWS_REGION"],
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        super().__init__(client)
        wait_until(self._listens, "the S3 server does not listen")
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def environment(self, url=None):
        return {**KEYS, "AWS_ENDPOINT_URL": url or self.url}

    def _listens(self):
        check(self.process.poll() is None, "the S3 server ended")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def put_many(self, keys):
        """Small objects, without the signatures that take most of the time."""
        for key in keys:
            request = urllib.request.Request(f"{self.url}/{BUCKET}/{quote(key)}", data=b"content", method="PUT")
            urllib.request.urlopen(request, timeout=PATIENCE).close()

    def stop(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Wire:
    """Passes connections on to a port. What comes back is cut after so many bytes of a connection, if it is told so."""

    def __init__(self, port):
        self.port = port
        self.limit = None
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                far = socket.create_connection(("127.0.0.1", self.port))
                threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, sink, is_limited):
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_limited and self.limit is not None and passed + len(data) > self.limit:
                    sink.sendall(data[: self.limit - passed])
                    self.cuts += 1
                    break
                sink.sendall(data)
                passed += len(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
