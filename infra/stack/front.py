"""What stands in front of ministack while the system tests run against it.

    python infra/stack/front.py --engine PORT --door PORT --ledger PORT --calls FILE

- The ledger is the endpoint that the functions call. It writes down each call, a JSON line each, and passes it on, or
  answers it where ministack does not know it (the moving of dead letters).
  Each function calls it below a path of its own, /-/<function>.
- The door is the API at the root of an address, as API Gateway's is; ministack has it below a path. Which path that is it
  is told once by a PUT to /-/api.
"""

import argparse
import http.client
import http.server
import json
import re
import threading

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"}
CALLER = re.compile(r"/-/([a-z]+)(/.*)?$")


class Quiet(http.server.BaseHTTPRequestHandler):
    """A request in, the whole body with it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_any(self):
        self.take(self.body())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = do_any


class Passing(Quiet):
    """Passes a request on to the engine, and its answer back."""

    engine = 0
    kept = threading.local()

    def pass_on(self, body, below=""):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        for attempt in range(2):
            connection = getattr(self.kept, "connection", None) or http.client.HTTPConnection("127.0.0.1", self.engine)
            self.kept.connection = connection
            try:
                connection.request(self.command, below + self.path, body, headers)
                answer = connection.getresponse()
                return self.answer(answer.status, answer.getheaders(), answer.read())
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                # A connection that was kept may have been closed meanwhile; on a fresh one it is a fault.
                self.kept.connection = None
                if attempt:
                    raise
        return None


class Ledger(Passing):
    file = None
    lock = threading.Lock()

    def take(self, body):
        caller = CALLER.match(self.path)
        if caller:
            self.path = caller.group(2) or "/"
        try:
            said = json.loads(body or b"null")
        except ValueError:
            said = None
        line = {
            "function": caller.group(1) if caller else "unknown",
            "target": self.headers.get("X-Amz-Target"),
            "uri": self.path,
            "body": said,
        }
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
        if line["target"] == "AmazonSQS.ListMessageMoveTasks":
            return self.tell({"Results": []})
        if line["target"] == "AmazonSQS.StartMessageMoveTask":
            self.move(said["SourceArn"], said["DestinationArn"])
            return self.tell({"TaskHandle": "moved"})
        return self.pass_on(body)

    def tell(self, said):
        self.answer(200, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(said).encode())

    def move(self, source, destination):
        """What StartMessageMoveTask does, which ministack does not know, at once and to the end."""
        source, destination = (f"http://127.0.0.1:{self.engine}/{arn.split(':')[4]}/{arn.split(':')[5]}"
                               for arn in (source, destination))
        while messages := self.ask("ReceiveMessage", QueueUrl=source, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.ask("SendMessage", QueueUrl=destination, MessageBody=message["Body"])
                self.ask("DeleteMessage", QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])

    def ask(self, operation, **said):
        connection = http.client.HTTPConnection("127.0.0.1", self.engine)
        headers = {name: self.headers[name] for name in ("Authorization", "X-Amz-Date") if name in self.headers}
        headers |= {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        connection.request("POST", "/", json.dumps(said), headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer


class Door(Passing):
    below = None

    def take(self, body):
        if self.path == "/-/api" and self.command == "PUT":
            Door.below = body.decode()
            return self.answer(204, [], b"")
        if Door.below is None:
            return self.answer(503, [], b"no API has been named yet")
        return self.pass_on(body, Door.below)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    said = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("engine", "door", "ledger"):
        said.add_argument(f"--{name}", type=int, required=True)
    said.add_argument("--calls", required=True)
    asked = said.parse_args()
    Passing.engine = asked.engine
    Ledger.file = open(asked.calls, "a", encoding="utf-8")
    servers = [Server(("127.0.0.1", port), kind)
               for port, kind in ((asked.door, Door), (asked.ledger, Ledger))]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
