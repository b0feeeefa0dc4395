#!/usr/bin/env python3
"""
An echo node. Its argument says what n0 does with its first echo, besides:
then it sends n1 a last message, and answers nobody any more, as its clients
will have given up. n1 counts, and says on stderr what has come.
"""
import json
import sys

LINE_MAX = 64 << 20  # what eddy takes
MANY = 1000000


def say(dest, body):
    sys.stdout.write('{"src":"%s","dest":"%s","body":%s}\n' % (me, dest, json.dumps(body)))
    sys.stdout.flush()


def long_line(length):
    """A message of exactly that many bytes."""
    head, between, tail = '{"src":"n0","dest":"n1","body":{"type":"more","text":["', '","', '"]}}\n'
    pieces = 5  # the protocol has a limit for one string
    share, rest = divmod(length + 1 - len(head) - len(tail) - (pieces - 1) * len(between), pieces)
    sys.stdout.write(head + between.join(["x" * share] * (pieces - 1) + ["x" * (share + rest)]) + tail)


def many_lines():
    line = '{"src":"n0","dest":"n1","body":{"type":"more","n":%d}}\n'
    sys.stdout.write("".join([line % n for n in range(MANY)]))


def endless_line():
    while True:
        sys.stdout.write("x" * 65536)


def many_words():
    for _ in range(1000):
        sys.stderr.write(("x" * 100 + "\n") * 700)


besides = {
    "longest-line": lambda: long_line(LINE_MAX),
    "too-long-line": lambda: long_line(LINE_MAX + 1),
    "many-lines": many_lines,
    "endless-line": endless_line,
    "many-words": many_words,
}

me = None
silent = False
lines = size = 0
for line in sys.stdin:
    if '"type":"more"' in line[:200]:
        silent = True
        lines += 1
        size += len(line)
        continue
    message = json.loads(line)
    body = message["body"]
    if body["type"] == "init":
        me = body["node_id"]
        say(message["src"], {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] == "end":
        sys.stderr.write("the end: %d lines, %d bytes\n" % (lines, size))
        sys.stderr.flush()
    elif not silent:
        say(message["src"], {"type": "echo_ok", "echo": body["echo"], "in_reply_to": body["msg_id"]})
        if me == "n0":
            silent = True
            besides[sys.argv[1]]()
            say("n1", {"type": "end"})
