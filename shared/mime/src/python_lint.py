"""Checks mails that are to go out with Python's own parser under its strict policy, and says what it reads in them.
Standard input: each mail behind its length on a line of its own. Standard output: one line of JSON for each mail."""

import email
import email.headerregistry
import email.policy
import json
import re
import sys

STRICT = email.policy.SMTP.clone(raise_on_defect=True)
ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=")


def problems_of_lines(raw):
    head = raw.split(b"\r\n\r\n", 1)[0]
    for line in raw.split(b"\r\n"):
        if b"\r" in line or b"\n" in line:
            yield "a line break that is not CRLF (RFC 5322, 2.3)"
        if len(line) > 998:
            yield f"a line of {len(line)} characters (RFC 5322, 2.1.1)"
    for line in head.split(b"\r\n"):
        if any(byte > 126 or (byte < 32 and byte != 9) for byte in line):
            yield f"a header line that is not ASCII: {line!r}"
        if line and not line.strip():
            yield "a folded line of spaces only (RFC 5322, 3.2.2)"
        for word in ENCODED_WORD.findall(line.decode("ascii", "replace")):
            if len(word) > 75:
                yield f"an encoded word of {len(word)} characters (RFC 2047, 2)"
        if b"=?" in line and len(line) > 76:
            yield f"a line of {len(line)} characters with an encoded word (RFC 2047, 2)"


def problems_of_fields(part, is_top):
    names = [name.lower() for name in part.keys()]
    for name in set(names):
        if names.count(name) > 1:
            yield f"{name} twice (RFC 5322, 3.6)"
    if is_top:
        for name in ("from", "date", "message-id", "mime-version"):
            if name not in names:
                yield f"no {name}"
    for name, value in part.items():
        for defect in getattr(value, "defects", ()):
            yield f"{name}: {type(defect).__name__} {defect}"
    for name, value in part.raw_items():
        # Inside quotes an encoded word is plain text (RFC 2047, 5), and in a parameter too.
        if re.search(r'"[^"]*=\?[^"]*\?=[^"]*"', value):
            yield f"{name}: an encoded word inside quotes: {value!r}"
    if not part.is_multipart() and part.get("content-transfer-encoding") in (None, "7bit"):
        if any(byte > 127 for byte in part.get_payload(decode=False).encode("utf-8", "surrogateescape")):
            yield "content beyond ASCII that is not encoded"


def read(raw):
    found = list(problems_of_lines(raw))
    try:
        mail = email.message_from_bytes(raw, policy=STRICT)
        for part in mail.walk():
            found.extend(problems_of_fields(part, part is mail))
            found.extend(str(defect) for defect in part.defects)
            if part.get_content_maintype() == "text" and not part.is_attachment():
                part.get_content()
    except Exception as error:  # Whatever a parser stumbles over is a fault of the mail.
        return {"problems": found + [f"{type(error).__name__}: {error}"]}
    addresses = lambda name: [one.addr_spec for one in mail[name].addresses] if mail[name] else []
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return {
        "problems": found,
        "subject": str(mail["subject"] or ""),
        "name": mail["from"].addresses[0].display_name,
        "from": addresses("from"),
        "reply_to": addresses("reply-to"),
        "to": addresses("to"),
        "cc": addresses("cc"),
        "text": plain.get_content() if plain else None,
        "html": html.get_content() if html else None,
        "files": [part.get_filename() for part in mail.walk() if part.get_content_disposition() in ("attachment", "inline")],
        "seconds": int(mail["date"].datetime.timestamp()),
    }


source = sys.stdin.buffer
while line := source.readline():
    print(json.dumps(read(source.read(int(line)))))
