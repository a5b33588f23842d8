"""What schemathesis looks at besides its own checks, and the world that its calls find.

Four of its checks ask for HTTP statuses that Nexo does not use: what the service decides about a request is HTTP 200 with a code
(docs/api.md, "HTTP status"). Those below ask for the codes instead:

  negative_data_rejection   ->  refuses_what_is_wrong
  positive_data_acceptance  ->  takes_what_is_right
  ignored_auth, missing_required_header (of which there is but the token's)  ->  asks_for_a_token
"""

import itertools
import json
import os
import random
import re
import urllib.request

import schemathesis

URL = os.environ["NEXO_URL"]
TOKEN = os.environ["NEXO_TOKEN"]

# These end the token that they are called with, so that each call gets one of its own.
ENDS_ITS_TOKEN = {"/auth/logout", "/auth/refresh"}

# What a schema cannot say: lengths in bytes, the order of the two ids, which of two fields goes with which type, and what is opaque.
# By `msg`, of 1001.
NOT_IN_A_SCHEMA = re.compile(
    r"""
      ^(avatar|introduction|extra|content):\ expects\ at\ most\ \d+\ bytes
    | ^password:\ expects\ \d+\ to\ \d+\ bytes
    | ^conversation_id:\ expects\ si_
    | ^cursor:\ expects\ what\ x-next-cursor\ said
    | ^(recv_id|group_id):\ 
    | ^content(\.\w+)?:\ expects
    | ^user_id:\ expects\ somebody\ else\ than\ the\ owner
    """,
    re.VERBOSE,
)


def call(method, path, body=None, token=None):
    request = urllib.request.Request(URL + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        envelope = json.load(answer)
    assert envelope["code"] in (0, 2007), envelope
    return envelope["data"]


def world():
    """Users, groups and messages; answers the ids that calls are to meet."""
    me = call("GET", "/user/info", token=TOKEN)["user_id"]
    others = ["user001", "user002", "user003"]
    for user in others:
        call("POST", "/auth/register", {"user_id": user, "nickname": user, "password": "123456"})
    groups = []
    for number in range(3):
        fields = {"name": f"Group {number}", "member_ids": others}
        groups.append(call("POST", "/group/create", fields, TOKEN)["id"])
    sends = [{"session_type": 1, "recv_id": user} for user in others] + [{"session_type": 2, "group_id": id} for id in groups]
    conversations = []
    for number, to in enumerate(sends):
        body = {"client_msg_id": f"world-{number}", "msg_type": 1, "content": {"text": "Hello!"}, **to}
        conversations.append(call("POST", "/msg/send", body, TOKEN)["conversation_id"])
    return {
        "user_id": others,
        "recv_id": others + [me, ""],
        "inviter_id": others + [me, ""],
        "group_id": groups,
        "conversation_id": conversations,
    }


REAL = world()

# Where the next token that will be ended comes from: far from the last one, which the new login replaces.
LOGINS = itertools.cycle(itertools.product(["user001", "user002", "user003"], [1, 2, 3, 4]))


def mode(case):
    return None if case.meta is None else case.meta.generation.mode.value


# Wrong in the method or the content type, which the router answers; or with more fields than are known, which are ignored.
NOT_WRONG_IN_ITSELF = {
    "unspecified_http_method",
    "malformed_content_type",
    "unsupported_content_type",
    "object_unexpected_properties",
}


def is_about_itself(case):
    """Whether the request is right or wrong by its own fields."""
    data = getattr(case.meta.phase, "data", None) if case.meta else None
    scenario = getattr(data, "scenario", None)
    more_fields = (getattr(data, "description", None) or "").startswith("violates `additionalProperties`")
    return not more_fields and (scenario is None or scenario.value not in NOT_WRONG_IN_ITSELF)


def is_long_enough_in_bytes(case):
    """A password has 6 bytes or more, which can be fewer than 6 characters."""
    password = case.body.get("password") if case.path == "/auth/register" and isinstance(case.body, dict) else None
    return isinstance(password, str) and len(password) < 6 <= len(password.encode("utf-8", "replace"))


def is_an_integer_with_a_point(request, msg):
    """What a schema calls an integer may be spelled 5.0, which Nexo does not."""
    return msg.endswith("expects a JSON integer") and re.search(rb"\d\.0\b|\de\+?\d", request.body or b"") is not None


@schemathesis.auth(refresh_interval=None)
class Token:
    def get(self, case, context):
        if case.path not in ENDS_ITS_TOKEN:
            return TOKEN
        user, platform = next(LOGINS)
        return call("POST", "/auth/login", {"user_id": user, "password": "123456", "platform_id": platform})["token"]

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    if mode(case) == "positive" and case.path not in ("/auth/register", "/group/dismiss"):
        # Half of the ids are of what exists.
        for place in (case.query, case.body, case.path_parameters):
            for name in REAL.keys() & place.keys() if isinstance(place, dict) else ():
                if random.random() < 0.5:
                    place[name] = random.choice(REAL[name])


def code(response):
    try:
        return response.json().get("code")
    except (ValueError, AttributeError):
        return None


@schemathesis.check
def refuses_what_is_wrong(ctx, response, case):
    if mode(case) == "negative" and is_about_itself(case) and response.status_code == 200:
        taken = code(response) in (0, None) and not is_long_enough_in_bytes(case)
        assert not taken, f"taken though it is wrong: {case.meta.phase}"


@schemathesis.check
def takes_what_is_right(ctx, response, case):
    # A handshake needs what HTTP clients cannot send.
    if mode(case) == "positive" and case.path != "/ws" and is_about_itself(case):
        assert response.status_code < 400, "refused though it is right"
        # One call may be made twice, with the token that it ended.
        if case.path not in ENDS_ITS_TOKEN:
            assert code(response) not in (2001, 2002, 2003), "the token is refused though it is right"
        if code(response) == 1001:
            msg = response.json()["msg"]
            known = NOT_IN_A_SCHEMA.match(msg) or is_an_integer_with_a_point(response.request, msg)
            assert known, "refused as wrong though it is right"


ASKED = set()


@schemathesis.check
def asks_for_a_token(ctx, response, case):
    secured = case.operation.definition.raw.get("security") != []
    if mode(case) != "positive" or not secured or case.path == "/ws" or case.operation.label in ASKED:
        return
    if response.status_code == 200 and code(response) == 0:
        for token, expected in ((None, 2003), ("Bearer x.y.z", 2001), ("Basic eA==", 2001)):
            headers = {name: value for name, value in response.request.headers.items() if name.lower() != "authorization"}
            if token:
                headers["Authorization"] = token
            request = urllib.request.Request(
                response.request.url, method=case.method, headers=headers, data=response.request.body
            )
            with urllib.request.urlopen(request) as answer:
                got = json.load(answer)["code"]
            assert got == expected, f"with {token} it answers {got}"
        ASKED.add(case.operation.label)
