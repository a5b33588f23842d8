#!/usr/bin/env python3
"""An echo bot on the bare protocol of docs/api.md: it answers every text once, in order, whatever restarts meanwhile.

    pip install -r requirements.txt
    NEXO_PASSWORD=secret ./bot.py http://127.0.0.1:8080 echo-bot state.json

The WebSocket only wakes it; what there is to answer, it pulls. It keeps how far it has answered in a file, and an answer's
client_msg_id follows from the message that it answers: what is sent again after a crash is the same message to the server.
"""
import hashlib
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect

PASSES = (1002, 1006)  # the outcome is open: the same call again
TOKEN_ENDED = (2001, 2002, 2003)
REPLACED = 4001  # the close code after another login on this platform
PLATFORM = 3


class Refused(Exception):
    """The server said no."""

    def __init__(self, code, text, retry_after_s):
        super().__init__(f"{text} ({code})")
        self.code, self.retry_after_s = code, retry_after_s


class Bot:
    def __init__(self, url, user, password, path):
        self.url, self.user, self.password, self.path = url.rstrip("/"), user, password, path
        self.token, self.answered = None, {}  # how far it has answered, by conversation_id
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.answered = json.load(file)

    def call(self, method, route, body=None, **query):
        """One call; answers with the data and the headers."""
        url = f"{self.url}{route}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            reply = urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20)
        except urllib.error.HTTPError as refusal:  # it is an answer too
            reply = refusal
        with reply:
            envelope = json.load(reply)
        if envelope["code"] != 0:
            raise Refused(envelope["code"], envelope["msg"], int(reply.headers.get("Retry-After") or 0))
        return envelope["data"], reply.headers

    def save(self, conversation, seq):
        """Remembers how far it has answered: whole, or as it was before."""
        self.answered[conversation] = seq
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            json.dump(self.answered, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{self.path}.new", self.path)

    def answer(self, message):
        """Sends the answer to a message; comes back once the server has it, or will never take it."""
        # Bots mark what they send: two of this kind would never stop.
        if message["sender_id"] == self.user or message["msg_type"] != 1 or "echo_of" in message["content"]:
            return
        key = f"{message['conversation_id']}/{message['seq']}"
        body = {"recv_id": message["sender_id"]} if message["session_type"] == 1 else {"group_id": message["group_id"]}
        body |= {"client_msg_id": hashlib.sha256(key.encode()).hexdigest(), "session_type": message["session_type"]}
        body |= {"msg_type": 1, "content": {"text": message["content"]["text"], "echo_of": message["seq"]}}
        try:
            self.call("POST", "/msg/send", body)
        except Refused as refusal:
            if refusal.code in PASSES + TOKEN_ENDED:
                time.sleep(refusal.retry_after_s)
                raise
            # A group that it was kicked from, say: there is nobody to answer.
            print(f"no answer to {key}: {refusal}", file=sys.stderr)

    def catch_up(self, conversation):
        """Answers what it has not answered in a conversation."""
        while True:
            begin = self.answered.get(conversation, 0) + 1
            page, _ = self.call("GET", "/msg/pull", conversation_id=conversation, begin_seq=begin)
            for message in page["messages"]:
                self.answer(message)
                self.save(conversation, message["seq"])
            if not page["messages"]:
                return

    def catch_up_all(self):
        cursor = {}
        while True:
            conversations, headers = self.call("GET", "/conversation/list", **cursor)
            for conversation in conversations:
                if conversation["max_seq"] > self.answered.get(conversation["conversation_id"], 0):
                    self.catch_up(conversation["conversation_id"])
            if not headers.get("x-next-cursor"):
                return
            cursor = {"cursor": headers["x-next-cursor"]}

    def listen(self):
        """Logs in if need be, connects, catches up, and answers what comes, until the connection ends."""
        if not self.token:
            login = {"user_id": self.user, "password": self.password, "platform_id": PLATFORM}
            self.token = self.call("POST", "/auth/login", login)[0]["token"]
        address = self.url.replace("http", "ws", 1) + "/ws?v=1"
        with connect(address, additional_headers={"Authorization": f"Bearer {self.token}"}) as socket:
            self.catch_up_all()  # what comes meanwhile is pushed
            for text in socket:
                frame = json.loads(text)
                if "seq" in frame and frame["seq"] > self.answered.get(frame["conversation_id"], 0):
                    self.catch_up(frame["conversation_id"])

    def run(self):
        failures = 0
        while True:
            begun = time.monotonic()
            try:
                self.listen()
            except Refused as refusal:
                if refusal.code not in PASSES + TOKEN_ENDED:
                    raise
                self.token = None if refusal.code in TOKEN_ENDED else self.token
            except InvalidStatus as refusal:
                self.token = None if refusal.response.status_code == 401 else self.token
            except ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code == REPLACED:
                    sys.exit("another bot logged in as this user")
            except (OSError, ValueError, http.client.HTTPException, WebSocketException):
                pass  # nobody is there, or half an answer came: it tries again
            failures = 0 if time.monotonic() - begun > 10 else min(failures + 1, 7)
            time.sleep(random.uniform(0.5, 1) * 0.2 * 2**failures)


if __name__ == "__main__":
    if len(sys.argv) != 4 or "NEXO_PASSWORD" not in os.environ:
        sys.exit("NEXO_PASSWORD=... bot.py URL USER_ID STATE_FILE")
    Bot(*sys.argv[1:3], os.environ["NEXO_PASSWORD"], sys.argv[3]).run()
