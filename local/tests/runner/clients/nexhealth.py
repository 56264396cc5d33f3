"""A program of NexHealth, as its documentation has one written, against the runner. No client of it is published."""

import base64
import json
import os
import time

import requests

URL, KEY, SUBDOMAIN = (os.environ[name] for name in ("OMEGA_URL", "OMEGA_KEY", "OMEGA_SUBDOMAIN"))
HEADERS = {"Accept": "application/vnd.Nexhealth+json;version=2", "Nex-Api-Version": "v2"}


def answered(response, status=200):
    """The body of a response: an envelope that agrees with its status."""
    assert response.status_code == status, (response.status_code, response.text)
    body = response.json()
    assert body["code"] is (status < 400) and isinstance(body["error"], list), body
    assert isinstance(body["description"], str), body
    return body


token = answered(requests.post(f"{URL}/authenticates", headers={**HEADERS, "Authorization": KEY}), 201)
token = token["data"]["token"]
claims = token.split(".")[1]
assert json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"] > time.time() - 7200

session = requests.Session()
session.headers.update({**HEADERS, "Authorization": f"Bearer {token}"})
institution = answered(session.get(f"{URL}/institutions"))["data"][0]
assert institution["subdomain"] == SUBDOMAIN, institution
located = answered(session.get(f"{URL}/locations", params={"subdomain": SUBDOMAIN}))["data"][0]
assert located["id"] == institution["id"], located
location = next(one for one in located["locations"] if one["name"] == "Harbor")
assert [one["id"] for one in institution["locations"]] == [one["id"] for one in located["locations"]], institution
assert answered(session.get(f"{URL}/locations/{location['id']}"))["data"] == location

scope = {"subdomain": SUBDOMAIN, "location_id": location["id"]}
page = answered(session.get(f"{URL}/patients", params={**scope, "page": 1, "per_page": 50}))
assert page["count"] == len(page["data"]) == 1, page
patient = page["data"][0]
assert patient["name"] == "Nora Next" and patient["institution_id"] == institution["id"], patient
for found in ({"name": "nora"}, {"email": "nora@next.example"}, {"phone_number": "4155550116"}, {"inactive": "false"}):
    assert answered(session.get(f"{URL}/patients", params={**scope, **found}))["data"] == [patient], found
one = answered(session.get(f"{URL}/patients/{patient['id']}", params={"subdomain": SUBDOMAIN}))
assert one["data"] == patient, one
conversations = answered(session.get(f"{URL}/conversations", params={**scope, "include_messages": "true"}))
assert conversations["data"] == [] and conversations["count"] == 0, conversations

for status, method, path in (
    (404, "GET", "/appointments"),
    (405, "POST", "/conversations"),
    (405, "GET", "/authenticates"),
    (404, "GET", "/patients/999999"),
    (404, "GET", "/conversations/999999"),
):
    answered(session.request(method, f"{URL}{path}", params={"subdomain": SUBDOMAIN}), status)
answered(requests.get(f"{URL}/patients"), 401)
