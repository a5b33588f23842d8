#!/usr/bin/env python3
"""The bot against a real server: both are killed while somebody writes. NEXO_BINARY names the server.

    python -m unittest -v test_bot.py
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
MESSAGES = 120
PASSWORD = "correct horse"


class Server:
    def __init__(self, folder):
        self.folder, self.port = folder, 0
        self.start()

    def start(self):
        command = [os.environ["NEXO_BINARY"], "serve", "--listen", f"127.0.0.1:{self.port}", "--data", f"{self.folder}/data"]
        env = {**os.environ, "NEXO__LIMITS__ENABLED": "false", "NEXO__LOG__FILTER": "error"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        self.url = self.process.stdout.readline().split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def call(url, route, body=None, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + route, data, headers), timeout=10) as reply:
        envelope = json.load(reply)
    if envelope["code"] != 0:
        raise AssertionError(f"{route}: {envelope}")
    return envelope["data"]


def wait_for(condition, within_s=60):
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s} s")
        time.sleep(0.05)


class AnEchoBot(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.server = Server(self.folder.name)
        for user in ("bot", "ann"):
            call(self.server.url, "/auth/register", {"user_id": user, "nickname": user, "password": PASSWORD})
        login = {"user_id": "ann", "password": PASSWORD, "platform_id": 5}
        self.token = call(self.server.url, "/auth/login", login)["token"]
        self.start_bot()

    def tearDown(self):
        self.kill_bot()
        self.server.kill()
        self.folder.cleanup()

    def start_bot(self):
        command = [sys.executable, str(HERE / "bot.py"), self.server.url, "bot", f"{self.folder.name}/state.json"]
        self.bot = subprocess.Popen(command, env={**os.environ, "NEXO_PASSWORD": PASSWORD})

    def kill_bot(self):
        self.bot.kill()
        self.bot.wait()

    def write(self):
        """Ann writes, and repeats what got no answer."""
        for number in range(1, MESSAGES + 1):
            body = {"client_msg_id": f"m{number}", "recv_id": "bot", "session_type": 1, "msg_type": 1}
            while True:
                try:
                    call(self.server.url, "/msg/send", {**body, "content": {"text": f"text {number}"}}, self.token)
                    break
                except (OSError, ValueError, urllib.error.URLError):
                    time.sleep(0.02)

    def messages(self):
        found, begin = [], 1
        while True:
            page = call(self.server.url, f"/msg/pull?conversation_id=si_ann:bot&begin_seq={begin}", token=self.token)["messages"]
            if not page:
                return found
            found += page
            begin = page[-1]["seq"] + 1

    def answers(self):
        return [message for message in self.messages() if message["sender_id"] == "bot"]

    def test_answers_each_message_once_and_in_order_though_all_is_killed(self):
        writing = threading.Thread(target=self.write)
        writing.start()
        for part in (1, 2, 3):
            wait_for(lambda: len(self.answers()) >= part * MESSAGES // 5)
            self.server.kill()
            if part == 2:
                self.kill_bot()
                self.start_bot()
            self.server.start()
        writing.join()
        wait_for(lambda: len(self.answers()) >= MESSAGES)
        # One more, which is answered after everything that may be under way.
        last = {"client_msg_id": "last", "recv_id": "bot", "session_type": 1, "msg_type": 1, "content": {"text": "last"}}
        call(self.server.url, "/msg/send", last, self.token)
        wait_for(lambda: self.answers()[-1]["content"]["text"] == "last")
        texts = [message["content"]["text"] for message in self.answers()]
        self.assertEqual(texts, [f"text {number}" for number in range(1, MESSAGES + 1)] + ["last"])
        asked = {message["seq"]: message["content"]["text"] for message in self.messages() if message["sender_id"] == "ann"}
        for answer in self.answers():
            self.assertEqual(asked[answer["content"]["echo_of"]], answer["content"]["text"])


if __name__ == "__main__":
    unittest.main()
