"""rocketchat_API, as it is published, against the runner."""

import os

from rocketchat_API.APIExceptions.RocketExceptions import (
    RocketApiException,
    RocketAuthenticationException,
)
from rocketchat_API.rocketchat import RocketChat

URL, USER, KEY = (os.environ[name] for name in ("OMEGA_URL", "OMEGA_USER", "OMEGA_KEY"))


def refused(status, error, call):
    """The call is refused in these words."""
    try:
        call()
    except RocketApiException as refusal:
        told = (refusal.status_code, refusal.response_json["error"])
        assert told == (status, error), told
    else:
        raise AssertionError(f"not refused: {error}")


try:
    RocketChat(USER, "wrong", server_url=URL)
    raise AssertionError("a wrong password logs in")
except RocketAuthenticationException:
    pass

# By mail address, and by username: the client sends them under different names.
by_email = RocketChat(os.environ["OMEGA_EMAIL"], KEY, server_url=URL)
chat = RocketChat(USER, KEY, server_url=URL)
assert by_email.headers["X-User-Id"] == chat.headers["X-User-Id"]
assert by_email.headers["X-Auth-Token"] != chat.headers["X-Auth-Token"]

# What every client asks first.
info = chat.info()
assert info["success"] and info["info"]["version"], info
me = chat.me()
assert (me["_id"], me["username"], me["success"]) == (chat.headers["X-User-Id"], USER, True), me
assert me["emails"] == [{"address": os.environ["OMEGA_EMAIL"], "verified": False}], me
found = chat.users_info(username=USER)["user"]
assert found == chat.users_info(user_id=me["_id"])["user"] and found["name"] == me["name"], found
assert found == chat.users_info(email=os.environ["OMEGA_EMAIL"])["user"], found
refused(400, "User not found.", lambda: chat.users_info(username="nobody"))
refused(404, "API endpoint does not exist", lambda: chat.call_api_get("rooms.get"))

made = chat.call_api_post(
    "omnichannel/contact", token="python-token", name="Ana Python", email="Ana@Python.example", phone="+14155550111"
)
contact = chat.call_api_get("omnichannel/contact", contactId=made["contact"])["contact"]
assert contact["_id"] == made["contact"], contact
assert contact["name"] == "Ana Python" and contact["token"] == "python-token", contact
assert contact["visitorEmails"] == [{"address": "ana@python.example"}], contact
assert contact["phone"] == [{"phoneNumber": "+14155550111"}], contact

again = chat.call_api_post("omnichannel/contact", token="python-token", name="Ana P.", email="ana@python.example")
assert again["contact"] == made["contact"], again
found = chat.call_api_get("omnichannel/contact.search", email="ana@python.example")["contact"]
assert found["_id"] == made["contact"] and found["name"] == "Ana P.", found
# The client does not encode the plus, which is a space then.
assert chat.call_api_get("omnichannel/contact.search", phone="+14155550111")["contact"] is None

assert chat.call_api_get("omnichannel/contact", contactId="0" * 24)["contact"] is None
refused(400, "Match error: Missing key 'contactId'", lambda: chat.call_api_get("omnichannel/contact"))
refused(
    400,
    "Match error: Expected string, got object in field contactId",
    lambda: chat.call_api_get("omnichannel/contact", contactId=["a", "b"]),
)
refused(404, "Resource not found", lambda: chat.call_api_get("omnichannel/contacts.get", contactId="0" * 24))

newer = chat.call_api_post("omnichannel/contacts", name="Ben Python", emails=["ben@python.example"], phones=[])
shown = chat.call_api_get("omnichannel/contacts.get", contactId=newer["contactId"])["contact"]
assert shown["name"] == "Ben Python" and shown["emails"] == [{"address": "ben@python.example"}], shown
listed = chat.call_api_get("omnichannel/contacts.search", searchText="Ben", count=10)
assert [one["_id"] for one in listed["contacts"]] == [newer["contactId"]] and listed["total"] == 1, listed

assert chat.logout()["status"] == "success"
refused(
    401,
    "You must be logged in to do this.",
    lambda: chat.call_api_get("omnichannel/contact", contactId=made["contact"]),
)
assert by_email.call_api_get("omnichannel/contact", contactId=made["contact"])["contact"]["name"] == "Ana P."
