/*
 * What a run leaves on disk: <store>/<workload>/<time>/ with history.edn (the
 * real checkers can read it), results.edn, results.json, node-logs/,
 * messages.jsonl, and elle/ where transactions were in cycles; and the link
 * <store>/latest.
 */
#ifndef STORE_H
#define STORE_H

#include <stdio.h>

#include "options.h"
#include "run.h"

struct store;

/* Makes the directories and opens the journal. Returns NULL with a line in `error`. */
struct store *store_open(const struct test_options *, struct buffer *error);
const char *store_path(const struct store *);
FILE *store_journal(struct store *);
/* The path of a node's log. */
void store_node_log(const struct store *, const char *node, struct buffer *path);
/* Writes history and results. Returns false with a line in `error` if anything could not be written whole. */
bool store_finish(struct store *, const struct run *, struct buffer *error);
void store_close(struct store *);

#endif
