#!/usr/bin/env python3
"""The echo node for `make bench`: each answer leaves at once."""
import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    reply = {"type": body["type"] + "_ok", "in_reply_to": body["msg_id"]}
    if body["type"] == "echo":
        reply["echo"] = body["echo"]
    sys.stdout.write(json.dumps({"src": message["dest"], "dest": message["src"], "body": reply}) + "\n")
    sys.stdout.flush()
