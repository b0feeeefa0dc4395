#!/usr/bin/env python3
"""An echo node in another language: what `eddy test` runs need not be ours."""
import json
import sys

node_id = None
for line in sys.stdin:
    request = json.loads(line)
    body = request["body"]
    if body["type"] == "init":
        node_id = body["node_id"]
        reply = {"type": "init_ok"}
    else:
        reply = {"type": "echo_ok", "echo": body["echo"]}
    reply["in_reply_to"] = body["msg_id"]
    print(json.dumps({"src": node_id, "dest": request["src"], "body": reply}), flush=True)
