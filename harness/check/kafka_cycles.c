/*
 * Dependencies between operations: who read a message comes after who sent it,
 * and what began after an operation had succeeded comes after that. A cycle is
 * an anomaly, circular information flow (Adya's G1c): a read from the future,
 * or transactions that read from each other. Elle's analysis, as far as it is
 * called for here: the order of sends in a log is not among the dependencies.
 *
 * Vertices are completions. Each strongly connected component is reported once,
 * by the shortest of the cycles through its first few members.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kafka.h"
#include "kafka_graph.h"
#include "memory.h"

#define CYCLES_SHOWN 8

/* ---- dependencies ------------------------------------------------------------------------ */

static void
add_edge(struct edges *edges, size_t from, size_t to, bool read)
{
	KAFKA_GROW(edges->items, edges->count, edges->capacity);
	edges->items[edges->count++] = (struct edge){(uint32_t)from, (uint32_t)to, read};
}

static void
add_reads(struct kafka *kafka, struct edges *edges, size_t op)
{
	const struct kafka_span *span;
	size_t i, j, writer;

	for (i = 0; i < kafka->reads[op].count; i++) {
		span = &kafka->spans[kafka->reads[op].first + i];
		for (j = span->first; j < span->first + span->count; j++) {
			writer = kafka_message(kafka, span->key, kafka->pairs[j].message)->writer;
			if (writer == KAFKA_NONE)
				kafka_fail(kafka, "a message was read that nobody sent");
			else if (writer != op)
				add_edge(edges, writer, op, true);
		}
	}
}

/* Operations that have succeeded, without those that are known to come before another of them. */
struct frontier {
	size_t *ops, count, capacity;
	size_t *first, *last; /* by completion: the edges into it */
};

static void
begin(struct frontier *frontier, struct edges *edges, size_t completion)
{
	size_t i;

	frontier->first[completion] = edges->count;
	for (i = 0; i < frontier->count; i++)
		add_edge(edges, frontier->ops[i], completion, false);
	frontier->last[completion] = edges->count;
}

/* Both lists rise. */
static bool
is_among(const struct edges *edges, size_t *edge, size_t end, size_t from)
{
	while (*edge < end && edges->items[*edge].from < from)
		++*edge;
	return *edge < end && edges->items[*edge].from == from;
}

static void
succeed(struct frontier *frontier, const struct edges *edges, size_t op)
{
	size_t i, edge = frontier->first[op], end = frontier->last[op], kept = 0;

	assert(end <= edges->count);
	for (i = 0; i < frontier->count; i++)
		if (!is_among(edges, &edge, end, frontier->ops[i]))
			frontier->ops[kept++] = frontier->ops[i];
	frontier->count = kept;
	KAFKA_GROW(frontier->ops, frontier->count, frontier->capacity);
	frontier->ops[frontier->count++] = op;
}

static void
add_realtime(const struct history *history, struct edges *edges)
{
	struct frontier frontier = {
	    .first = memory_zero((history->count + 1) * sizeof(*frontier.first)),
	    .last = memory_zero((history->count + 1) * sizeof(*frontier.last)),
	};
	const struct op *op;
	size_t i;

	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (!kafka_is_txn(op))
			continue;
		if (op->type == OP_INVOKE && op->pair >= 0)
			begin(&frontier, edges, (size_t)op->pair);
		else if (op->type == OP_OK)
			succeed(&frontier, edges, i);
	}
	free(frontier.ops);
	free(frontier.first);
	free(frontier.last);
}

/* ---- explanations ---------------------------------------------------------------------------------- */

static bool
polls_message(const struct value *mop, const struct value *key, const struct value *message)
{
	const struct value *pairs =
	    mop->count > 1 && mop->items[1]->type == VALUE_MAP ? value_find(mop->items[1], key) : NULL;
	size_t i;

	for (i = 0; pairs != NULL && i < pairs->count; i++)
		if (value_equal(pairs->items[i]->items[1], message))
			return true;
	return false;
}

static bool
sends_message(const struct value *mop, const struct value *key, const struct value *message)
{
	const struct value *sent = mop->count > 2 ? mop->items[2] : &value_nil;

	if (!value_equal(mop->items[1], key))
		return false;
	if (sent->type == VALUE_VECTOR)
		sent = sent->count > 1 ? sent->items[1] : &value_nil;
	return value_equal(sent, message);
}

/* Which of an operation's sends, or polls, it was. */
static const struct value *
mop_index(struct kafka *kafka, size_t op, bool send, const struct value *key, const struct value *message)
{
	const struct value *mops = kafka->history->ops[op].value;
	size_t i;

	for (i = 0; i < mops->count; i++) {
		if (!value_is_keyword(mops->items[i]->items[0], send ? "send" : "poll"))
			continue;
		if (send ? sends_message(mops->items[i], key, message) : polls_message(mops->items[i], key, message))
			return value_int(kafka->arena, (int64_t)i);
	}
	return &value_nil;
}

/* The first message that `b` read from `a`. */
static bool
find_read(struct kafka *kafka, size_t a, size_t b, const struct value **key, const struct value **message)
{
	const struct kafka_message *read;
	const struct kafka_span *span;
	size_t i, j;

	for (i = 0; i < kafka->reads[b].count; i++) {
		span = &kafka->spans[kafka->reads[b].first + i];
		for (j = span->first; j < span->first + span->count; j++) {
			read = kafka_message(kafka, span->key, kafka->pairs[j].message);
			if (read->writer != a)
				continue;
			*key = kafka->keys[span->key].name;
			*message = read->value;
			return true;
		}
	}
	return false;
}

static const struct value *
explain_step(struct kafka *kafka, size_t a, size_t b)
{
	struct value *map = value_collection(kafka->arena, VALUE_MAP);
	const struct value *key, *message;

	if (find_read(kafka, a, b, &key, &message)) {
		value_put_keyword(kafka->arena, map, "type", value_keyword(kafka->arena, "wr"));
		value_put_keyword(kafka->arena, map, "key", key);
		value_put_keyword(kafka->arena, map, "value", message);
		value_put_keyword(kafka->arena, map, "a-mop-index", mop_index(kafka, a, true, key, message));
		value_put_keyword(kafka->arena, map, "b-mop-index", mop_index(kafka, b, false, key, message));
		return map;
	}
	value_put_keyword(kafka->arena, map, "type", value_keyword(kafka->arena, "realtime"));
	value_put_keyword(kafka->arena, map, "a'", kafka_show_op(kafka, a));
	value_put_keyword(kafka->arena, map, "b", kafka_show_op(kafka, (size_t)kafka->history->ops[b].pair));
	return map;
}

static const struct value *
explain_cycle(struct kafka *kafka, const uint32_t *cycle, size_t length, bool realtime)
{
	struct value *map = value_collection(kafka->arena, VALUE_MAP);
	struct value *ops = value_collection(kafka->arena, VALUE_VECTOR);
	struct value *steps = value_collection(kafka->arena, VALUE_LIST);
	size_t i;

	for (i = 0; i <= length; i++)
		value_push(kafka->arena, ops, kafka_show_op(kafka, cycle[i % length]));
	for (i = 0; i < length; i++)
		value_push(kafka->arena, steps, explain_step(kafka, cycle[i], cycle[(i + 1) % length]));
	value_put_keyword(kafka->arena, map, "cycle", ops);
	value_put_keyword(kafka->arena, map, "steps", steps);
	value_put_keyword(kafka->arena, map, "type", value_keyword(kafka->arena, realtime ? "G1c-realtime" : "G1c"));
	return map;
}

/* Which model a component rules out: read committed, or, with realtime, its strong form. */
static const struct value *
explain_component(struct kafka *kafka, const uint32_t *members, size_t count, bool realtime)
{
	static const char *const edges[] = {"union", "ww", "wwp", "wr", "wrp", "realtime"};
	struct value *map = value_collection(kafka->arena, VALUE_MAP);
	struct value *subgraph = value_collection(kafka->arena, VALUE_VECTOR);
	struct value *indices = value_collection(kafka->arena, VALUE_SET);
	size_t i;

	for (i = 0; i < sizeof(edges) / sizeof(edges[0]) - !realtime; i++)
		value_push(kafka->arena, subgraph, value_keyword(kafka->arena, edges[i]));
	for (i = 0; i < count; i++)
		value_push(kafka->arena, indices, value_int(kafka->arena, kafka->history->ops[members[i]].index));
	value_put_keyword(kafka->arena, map, "type",
	    value_keyword(kafka->arena, realtime ? "strong-PL-2-cycle-exists" : "PL-2-cycle-exists"));
	value_put_keyword(kafka->arena, map, "not",
	    value_keyword(kafka->arena, realtime ? "strong-read-committed" : "read-committed"));
	value_put_keyword(kafka->arena, map, "subgraph", subgraph);
	value_put_int(kafka->arena, map, "scc-size", (int64_t)count);
	value_put_keyword(kafka->arena, map, "scc", indices);
	return map;
}

/* ---- all components ----------------------------------------------------------------------------------- */

/* A component of the whole graph to be reported, by itself or by the smallest of the components of reads in it. */
struct suspect {
	bool realtime;
	uint32_t component, size;
};

struct cycle {
	uint32_t *vertices;
	size_t length, place;
};

struct report {
	struct kafka *kafka;
	struct graph graphs[2]; /* of reads alone; of all */
	struct components components[2];
	struct search search;
	struct value *exists[2];
	struct cycle *cycles[2];
	size_t counts[2];
};

/* By component of the whole graph: how it is to be reported; a size of 0: not at all. */
static struct suspect *
find_suspects(const struct report *report)
{
	const struct components *reads = &report->components[0], *all = &report->components[1];
	struct suspect *suspects = memory_zero((all->count + 1) * sizeof(*suspects)), *suspect;
	uint32_t i, inner;

	for (i = 0; i < report->graphs[1].vertices; i++) {
		suspect = &suspects[all->of[i]];
		if (all->size[all->of[i]] < 2)
			continue;
		inner = reads->of[i];
		if (suspect->size == 0)
			*suspect = (struct suspect){true, all->of[i], all->size[all->of[i]]};
		if (reads->size[inner] > 1 && (suspect->realtime || reads->size[inner] < suspect->size))
			*suspect = (struct suspect){false, inner, reads->size[inner]};
	}
	return suspects;
}

/* The vertices of every component behind each other. */
static uint32_t *
list_members(const struct components *components, size_t vertices, size_t *first)
{
	uint32_t *members = memory_alloc((vertices + 1) * sizeof(*members)), i;
	size_t *at = memory_alloc((components->count + 1) * sizeof(*at)), sum = 0;

	for (i = 0; i < components->count; i++) {
		first[i] = at[i] = sum;
		sum += components->size[i];
	}
	for (i = 0; i < vertices; i++)
		members[at[components->of[i]]++] = i;
	free(at);
	return members;
}

static void
report_suspect(struct report *report, const struct suspect *suspect, const uint32_t *members)
{
	bool realtime = suspect->realtime;
	struct cycle *cycle;

	cycle = &report->cycles[realtime][report->counts[realtime]];
	cycle->vertices = arena_alloc(&report->kafka->scratch, suspect->size * sizeof(*cycle->vertices));
	cycle->place = report->counts[realtime]++;
	report->search.graph = &report->graphs[realtime];
	report->search.components = &report->components[realtime];
	cycle->length = kafka_shortest_cycle(&report->search, members, suspect->size, cycle->vertices);
	value_push(report->kafka->arena, report->exists[realtime],
	    explain_component(report->kafka, members, suspect->size, realtime));
}

static void
report_suspects(struct report *report)
{
	struct suspect *suspects = find_suspects(report);
	size_t *first[2], i, outer, vertices = report->graphs[1].vertices;
	uint32_t *members[2];
	struct suspect suspect;

	for (i = 0; i < 2; i++) {
		first[i] = memory_alloc((report->components[i].count + 1) * sizeof(*first[i]));
		members[i] = list_members(&report->components[i], vertices, first[i]);
	}
	for (i = 0; i < vertices; i++) {
		outer = report->components[1].of[i];
		suspect = suspects[outer];
		if (suspect.size == 0)
			continue;
		suspects[outer].size = 0;
		report_suspect(
		    report, &suspect, members[suspect.realtime] + first[suspect.realtime][suspect.component]);
	}
	for (i = 0; i < 2; i++) {
		free(first[i]);
		free(members[i]);
	}
	free(suspects);
}

static int
by_length(const void *a, const void *b)
{
	const struct cycle *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static const struct value *
show_cycles(struct report *report, bool realtime)
{
	struct value *list = value_collection(report->kafka->arena, VALUE_LIST);
	size_t count = report->counts[realtime], i;

	if (count == 0)
		return NULL;
	qsort(report->cycles[realtime], count, sizeof(struct cycle), by_length);
	if (count > CYCLES_SHOWN && !report->kafka->all_errors)
		count = CYCLES_SHOWN;
	for (i = 0; i < count; i++)
		value_push(report->kafka->arena, list,
		    explain_cycle(report->kafka, report->cycles[realtime][i].vertices,
			report->cycles[realtime][i].length, realtime));
	return list;
}

static void
find_cycles(struct report *report, struct kafka_cycle_errors *errors)
{
	size_t n = report->graphs[1].vertices + 1, i;

	report->search = (struct search){
	    .parent = memory_zero(n * sizeof(uint32_t)),
	    .queue = memory_alloc(n * sizeof(uint32_t)),
	    .depth = memory_zero(n * sizeof(uint32_t)),
	};
	for (i = 0; i < 2; i++) {
		const struct adjacency adjacency = kafka_adjacency(&report->graphs[i]);

		components_find(&report->components[i], &adjacency, 0);
		report->exists[i] = value_collection(report->kafka->arena, VALUE_VECTOR);
	}
	for (i = 0; i < 2; i++)
		report->cycles[i] = memory_alloc((report->components[1].count + 1) * sizeof(struct cycle));
	report_suspects(report);
	for (i = 0; i < 2; i++) {
		errors->counts[i] = report->counts[i];
		errors->cycles[i] = show_cycles(report, i);
		errors->exists[i] = report->counts[i] > 0 ? report->exists[i] : NULL;
		free(report->cycles[i]);
		components_free(&report->components[i]);
	}
	free(report->search.parent);
	free(report->search.queue);
	free(report->search.depth);
}

void
kafka_find_cycles(struct kafka *kafka, struct kafka_cycle_errors *errors)
{
	struct report report = {.kafka = kafka};
	struct edges edges = {0};
	size_t i;

	*errors = (struct kafka_cycle_errors){0};
	add_realtime(kafka->history, &edges);
	for (i = 0; i < kafka->history->count; i++)
		if (kafka->history->ops[i].type != OP_INVOKE)
			add_reads(kafka, &edges, i);
	errors->empty = edges.count == 0;
	if (kafka->error == NULL) {
		kafka_build_graph(&report.graphs[0], &edges, kafka->history->count, true);
		kafka_build_graph(&report.graphs[1], &edges, kafka->history->count, false);
		find_cycles(&report, errors);
		kafka_free_graph(&report.graphs[0]);
		kafka_free_graph(&report.graphs[1]);
	}
	free(edges.items);
}
