/*
 * Registers under keys, with compare-and-set (maelstrom.workload.lin-kv, and
 * jepsen.tests.linearizable-register with jepsen.independent's concurrent
 * generator): the workers are split into groups of two for each node; a group
 * works on a key of its own, until so many processes have had to do with the
 * key that the group goes on to the next one.
 */
#include <string.h>

#include "workload.h"

#define VALUES        5  /* 0 to 4 */
#define PROCESSES_MAX 20 /* of one key */
#define TIMEOUT_MS    1000

static const struct rpc read_key = {"read", "read_ok", {{"value", SCHEMA_ANY}}};
static const struct rpc write_key = {"write", "write_ok", {{0}}};
static const struct rpc cas_key = {"cas", "cas_ok", {{0}}};

/* ---- groups and their keys ------------------------------------------------------- */

struct group {
	int64_t key;
	int process_count;
	int64_t processes[PROCESSES_MAX]; /* that have had to do with the key */
};

struct state {
	struct group *groups; /* NULL: nothing has been asked for yet */
	int64_t next_key;
};

static int
group_size(const struct test_options *options)
{
	return 2 * options->node_count;
}

/* Maelstrom makes sure of the first two; to the third it would look for a key for ever. */
static const char *
refuse(struct arena *arena, const struct test_options *options)
{
	int size = group_size(options), workers = options->concurrency;

	if (workers < size)
		return arena_printf(arena,
		    "lin-kv cannot run a key with %d workers, two for each node, when there are only %d: give it "
		    "--concurrency 2n",
		    size, workers);
	if (workers % size != 0)
		return arena_printf(arena,
		    "lin-kv works in groups of %d, two workers for each node, and can only use %d of %d: give it a "
		    "--concurrency that is a multiple of 2n",
		    size, workers / size * size, workers);
	if (size > PROCESSES_MAX)
		return arena_printf(arena,
		    "lin-kv lets at most %d processes work on a key, but a group of two for each node has %d: take at "
		    "most %d nodes",
		    PROCESSES_MAX, size, PROCESSES_MAX / 2);
	return NULL;
}

static void
begin_groups(struct state *state, struct arena *arena, int count)
{
	state->groups = arena_zero(arena, (size_t)count * sizeof(*state->groups));
	for (int i = 0; i < count; i++)
		state->groups[i].key = state->next_key++;
}

/* Counts the processes of a group's workers in. False if they are too many for its key. */
static bool
count_processes(struct group *group, const int64_t *processes, int count)
{
	int old = group->process_count;

	for (int i = 0; i < count; i++) {
		int k = 0;

		while (k < group->process_count && group->processes[k] != processes[i])
			k++;
		if (k == PROCESSES_MAX) {
			group->process_count = old;
			return false;
		}
		if (k == group->process_count)
			group->processes[group->process_count++] = processes[i];
	}
	return true;
}

static bool
any_free(const struct workers *workers, int first, int count)
{
	for (int i = first; i < first + count; i++)
		if (workers->free[i])
			return true;
	return false;
}

/* One of the groups that have a free worker; each is as likely as the others. */
static int
choose_group(struct random *random, const struct workers *workers, int size)
{
	int chosen = 0;
	uint64_t seen = 0;

	for (int i = 0; i < workers->count / size; i++)
		if (any_free(workers, i * size, size) && random_below(random, ++seen) == 0)
			chosen = i;
	return chosen;
}

/* Gives every group that has a free worker, and has used its key up, the next one. */
static void
renew_keys(struct state *state, const struct workers *workers, int size)
{
	for (int i = 0; i < workers->count / size; i++) {
		struct group counted = state->groups[i];

		if (!any_free(workers, i * size, size))
			continue;
		if (!count_processes(&counted, workers->processes + i * size, size))
			state->groups[i] = (struct group){.key = state->next_key++};
	}
}

/* ---- operations --------------------------------------------------------------------- */

static const struct value *
pair(struct arena *arena, const struct value *a, const struct value *b)
{
	struct value *vector = value_collection(arena, VALUE_VECTOR);

	value_push(arena, vector, a);
	value_push(arena, vector, b);
	return vector;
}

static const struct value *
draw_value(struct random *random, struct arena *arena)
{
	return value_int(arena, (int64_t)random_below(random, VALUES));
}

/* Twice as many compare-and-sets as writes: most of them fail. */
static void
draw(struct random *random, struct arena *arena, const struct value *key, bool reads, struct op_template *next)
{
	const struct value *value = &value_nil;

	if (reads) {
		next->f = "read";
	} else if (random_below(random, 3) == 0) {
		next->f = "write";
		value = draw_value(random, arena);
	} else {
		next->f = "cas";
		value = draw_value(random, arena);
		value = pair(arena, value, draw_value(random, arena));
	}
	next->value = pair(arena, key, value);
}

/*
 * In each group Jepsen reserves the first half of the workers for reads. But
 * it counts from the first worker of all, so that only the first group has
 * readers; in the others everybody writes.
 */
static bool
generate(
    void *arg, struct random *random, struct arena *arena, const struct test_options *options, struct op_template *next)
{
	struct state *state = arg;
	const struct workers *workers = next->workers;
	int size = group_size(options), group, first, readers;
	bool reads;

	if (state->groups == NULL)
		begin_groups(state, arena, workers->count / size);
	renew_keys(state, workers, size);
	group = choose_group(random, workers, size);
	count_processes(&state->groups[group], workers->processes + group * size, size);
	first = group * size;
	readers = group == 0 ? size / 2 : 0;
	reads = any_free(workers, first, readers) &&
		(!any_free(workers, first + readers, size - readers) || random_below(random, 2) == 0);
	draw(random, arena, value_int(arena, state->groups[group].key), reads, next);
	next->first = reads ? first : first + readers;
	next->count = reads ? readers : size - readers;
	return true;
}

/* ---- the client ----------------------------------------------------------------------- */

static const struct value *
key_of(const struct call *call)
{
	return call_op(call)->value->items[0];
}

static const struct value *
value_of(const struct call *call)
{
	return call_op(call)->value->items[1];
}

static void
has_read(struct call *call, const struct value *reply)
{
	call_ok(call, pair(call_arena(call), key_of(call), value_get(reply, "value")));
}

static void
has_changed(struct call *call, const struct value *reply)
{
	(void)reply;
	call_ok(call, call_op(call)->value);
}

static void
invoke(struct call *call)
{
	struct arena *arena = call_arena(call);
	const struct op *op = call_op(call);
	struct value *fields = value_collection(arena, VALUE_MAP);
	int64_t timeout = call_latency_ms(call) * 10;

	if (timeout < TIMEOUT_MS)
		timeout = TIMEOUT_MS;
	value_put_string(arena, fields, "key", key_of(call));
	if (strcmp(op->f, "read") == 0) {
		call_rpc(call, &read_key, fields, timeout, has_read);
	} else if (strcmp(op->f, "write") == 0) {
		value_put_string(arena, fields, "value", value_of(call));
		call_rpc(call, &write_key, fields, timeout, has_changed);
	} else {
		value_put_string(arena, fields, "from", value_of(call)->items[0]);
		value_put_string(arena, fields, "to", value_of(call)->items[1]);
		call_rpc(call, &cas_key, fields, timeout, has_changed);
	}
}

static const char *const idempotent[] = {"read", NULL};

static const struct promise promises[] = {
    {.node = "lin-kv", .faults = EVERYTHING, .variants = {{.args = ""}, {"--lease", "clock"}}},
    {.node = "lin-kv-caspaxos", .faults = EVERYTHING},
    {.node = "lin-kv-proxy", .faults = EVERYTHING},
    {0},
};

static const char *const kinds[] = {"read", "write", "cas", NULL};
static const char *const answers[] = {"key-does-not-exist", "precondition-failed", NULL};

static const struct op_shape ops[] = {
    {"read", SHAPE_KEYED}, {"write", SHAPE_KEYED}, {"cas", SHAPE_KEYED_CAS}, {NULL, SHAPE_ANY}};

const struct workload lin_kv_workload = {
    .name = "lin-kv",
    .summary = "a key-value store that behaves as if there were one copy: linearizable reads, writes, compare-and-sets",
    .state_size = sizeof(struct state),
    .generate = generate,
    .refuse = refuse,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .idempotent = idempotent,
    .reusable = true,
    .alive = {.kinds = kinds, .answers = answers},
    .check = check_linearizable,
    .promises = promises,
};
