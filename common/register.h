/*
 * What the lin-kv workload does with one register: the commands that its
 * requests become, and what they do to the register's value.
 */
#ifndef REGISTER_H
#define REGISTER_H

#include "node.h"

/*
 * The command of a "read", "write" or "cas" (a new reference): what the request
 * says of values. *key becomes its key, borrowed. NULL if the request makes no
 * sense: then it was answered.
 */
json_t *register_command(struct node *, const struct message *, json_t **key);

/* Whether it never changes anything. */
bool register_reads(const json_t *command);

/*
 * Performs a command on a value, NULL for none, and returns the body of the
 * reply (a new reference). *change becomes the new value (a new reference), or
 * NULL if the command leaves it; then a reply of type "error" is definite.
 */
json_t *register_apply(const json_t *command, json_t *value, json_t **change);

#endif
