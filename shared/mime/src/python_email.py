"""Reads mails with Python's own parser. Standard input: each mail behind its length on a line of its own.
Standard output: one line of JSON for each mail."""

import email
import email.policy
import json
import sys

source = sys.stdin.buffer
while line := source.readline():
    mail = email.message_from_bytes(source.read(int(line)), policy=email.policy.default)
    plain = mail.get_body(preferencelist=("plain",))
    writer = mail["from"].addresses[0]
    print(json.dumps({
        "subject": mail["subject"],
        "name": writer.display_name,
        "address": writer.addr_spec,
        "text": plain.get_content() if plain else None,
        "files": [part.get_filename() for part in mail.walk() if part.get_content_disposition() == "attachment"],
    }))
