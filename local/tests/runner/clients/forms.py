"""What old documentation and most scripts do at Rocket.Chat, against the runner: bodies that are forms."""

import os

import requests

URL, USER, KEY = (os.environ[name] for name in ("OMEGA_URL", "OMEGA_USER", "OMEGA_KEY"))
API = f"{URL}/api/v1"


def answered(response, status=200):
    """The body of a response, which has this status and is JSON."""
    assert response.status_code == status, (response.status_code, response.text)
    return response.json()


assert answered(requests.get(f"{URL}/api/info"))["success"]
assert not answered(requests.post(f"{API}/login", data={"user": USER, "password": "wrong"}), 401)["success"]
# As `curl -d "user=…&password=…"` sends it, and as `curl -d '{…}'`, which calls JSON a form as well.
login = answered(requests.post(f"{API}/login", data={"user": USER, "password": KEY}))
curl = {"Content-Type": "application/x-www-form-urlencoded"}
body = f'{{"username": "{USER}", "password": "{KEY}"}}'
again = answered(requests.post(f"{API}/login", data=body, headers=curl))
assert login["status"] == "success" and again["data"]["userId"] == login["data"]["userId"], again

session = requests.Session()
session.headers.update({"X-Auth-Token": login["data"]["authToken"], "X-User-Id": login["data"]["userId"]})
me = answered(session.get(f"{API}/me"))
assert me["_id"] == login["data"]["userId"] and me["username"] == USER, me

contacts = f"{API}/omnichannel"
form = {
    "token": "form-token",
    "name": "Finn Form",
    "email": "Finn@Form.example",
    "phone": "+14155550114",
    "customFields[plan]": "gold",
    "contactManager[username]": USER,
}
made = answered(session.post(f"{contacts}/contact", data=form))["contact"]
visitor = answered(session.get(f"{contacts}/contact", params={"contactId": made}))["contact"]
assert visitor["livechatData"] == {"plan": "gold"} and visitor["contactManager"] == {"username": USER}, visitor
refused = answered(session.post(f"{contacts}/contact", data={"name": "Finn"}), 400)
assert refused == {"success": False, "error": "Match error: Missing key 'token'"}, refused

form = {"name": "Gil", "emails[]": ["gil@form.example", "g@form.example"], "phones[]": "+14155550115"}
made = answered(session.post(f"{contacts}/contacts", data=form))["contactId"]
contact = answered(session.get(f"{contacts}/contacts.get", params={"contactId": made}))["contact"]
assert [one["address"] for one in contact["emails"]] == ["gil@form.example", "g@form.example"], contact
assert answered(session.post(f"{API}/chat.postMessage", data={"text": "Hi"}), 404)["success"] is False
assert answered(session.post(f"{API}/logout"))["status"] == "success"
assert answered(session.get(f"{API}/me"), 401)["success"] is False
