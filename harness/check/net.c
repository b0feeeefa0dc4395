/* Counts of messages, and how many there were for each operation (maelstrom.net.checker). Never a reason for a verdict.
 */
#include <assert.h>

#include "check.h"
#include "ratio.h"

static uint64_t
count_operations(const struct history *history)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < history->count; i++)
		count += history->ops[i].type == OP_INVOKE && history->ops[i].process != PROCESS_NEMESIS;
	return count;
}

/* Each message is sent once, so that it counts as one whether or not it arrived. */
static struct value *
counts(struct arena *arena, const struct net_count *count)
{
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_int(arena, map, "send-count", (int64_t)count->sent);
	value_put_int(arena, map, "recv-count", (int64_t)count->received);
	value_put_int(arena, map, "msg-count", (int64_t)count->sent);
	return map;
}

static const struct value *
counts_per_operation(struct arena *arena, const struct net_count *count, uint64_t operations)
{
	struct value *map = counts(arena, count);

	if (operations > 0)
		value_put_keyword(arena, map, "msgs-per-op", value_float(arena, ratio_float(count->sent, operations)));
	return map;
}

const struct value *
check_net(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct value *result = value_collection(arena, VALUE_MAP);
	uint64_t operations = count_operations(history);

	assert(options->net != NULL);
	value_put_keyword(arena, result, "all", counts_per_operation(arena, &options->net->all, operations));
	value_put_keyword(arena, result, "clients", counts(arena, &options->net->clients));
	value_put_keyword(arena, result, "servers", counts_per_operation(arena, &options->net->servers, operations));
	value_put_keyword(arena, result, "valid?", &value_true);
	return result;
}
