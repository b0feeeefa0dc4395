/* Which versions of a register follow which (elle.rw-register/version-graphs): one inference after the other. */
#include <stdlib.h>

#include "memory.h"
#include "rw_register.h"

void
rw_link(struct rw_links *links, uint32_t from, uint32_t to)
{
	if (links->count == links->capacity) {
		links->capacity = links->capacity > 0 ? links->capacity * 2 : 1024;
		links->items = memory_resize(links->items, links->capacity, sizeof(*links->items));
	}
	links->items[links->count++] = (struct elle_edge){from, to, 1};
}

/* ---- inferences ------------------------------------------------------------------------ */

/* Every version comes after the initial one. */
static void
link_initial_state(const struct rw_register *rw, struct rw_links *links)
{
	uint8_t *linked = memory_zero(rw->versions);
	const struct rw_access *access;
	size_t i, j;

	for (i = 0; i < rw->access_first[rw->elle->txn_count]; i++) {
		access = &rw->accesses[i];
		for (j = 0; j < 2; j++) {
			uint32_t version = j == 0 ? access->write : access->read;

			if (version == ELLE_NONE || rw_is_initial(rw, version) || linked[version])
				continue;
			linked[version] = 1;
			rw_link(links, rw->initial + access->key, version);
		}
	}
	free(linked);
}

/* Within a transaction writes follow reads. */
static void
link_wfr_keys(const struct rw_register *rw, struct rw_links *links)
{
	const struct rw_access *access;
	size_t i;

	for (i = 0; i < rw->access_first[rw->elle->txn_count]; i++) {
		access = &rw->accesses[i];
		if (access->read == ELLE_NONE || rw_is_initial(rw, access->read))
			continue;
		if (access->write != ELLE_NONE && !rw_is_initial(rw, access->write))
			rw_link(links, access->read, access->write);
	}
}

/* ---- contradictions ---------------------------------------------------------------------- */

/* The inferences that led to a cycle, in their order. */
static const struct value *
sources_value(struct arena *arena, const char *const *sources, size_t count)
{
	struct value *names = value_collection(arena, VALUE_VECTOR);

	for (size_t i = 0; i < count; i++)
		value_push(arena, names, value_keyword(arena, sources[i]));
	return names;
}

static void
report_cycle(const struct rw_register *rw, const uint32_t *versions, uint32_t count, const struct value *sources)
{
	struct arena *arena = rw->elle->arena;
	struct value *report = value_collection(arena, VALUE_MAP), *scc = value_collection(arena, VALUE_SET);
	uint32_t first = versions[0];
	uint32_t key = rw_is_initial(rw, first) ? first - rw->initial : rw->elle->version_keys[first];

	for (uint32_t i = 0; i < count; i++)
		value_push(arena, scc, rw_version_value(rw, versions[i]));
	value_put_keyword(arena, report, "key", rw->elle->keys[key]);
	value_put_keyword(arena, report, "scc", scc);
	value_put_keyword(arena, report, "sources", sources);
	elle_report(rw->elle, ANOMALY_CYCLIC_VERSIONS, report);
}

/* Whether no version comes before itself; reports those that do. Sorts the links. */
static bool
is_order(const struct rw_register *rw, struct rw_links *links, const char *const *sources, size_t source_count)
{
	struct elle_components cycles;
	const struct value *names;
	struct elle_graph graph;
	bool good;

	elle_graph_build(&graph, links->items, links->count, rw->versions);
	elle_components_find(&cycles, &graph, 1, false);
	good = cycles.count == 0;
	names = good ? NULL : sources_value(rw->elle->arena, sources, source_count);
	for (uint32_t i = 0; i < cycles.count; i++)
		report_cycle(rw, cycles.members + cycles.first[i], cycles.first[i + 1] - cycles.first[i], names);
	elle_components_free(&cycles);
	elle_graph_free(&graph);
	return good;
}

/* ---- all together -------------------------------------------------------------------------- */

static struct rw_links
links_copy(const struct rw_links *links)
{
	struct rw_links copy = {.count = links->count, .capacity = links->count + 1};

	copy.items = memory_alloc(copy.capacity * sizeof(*copy.items));
	for (size_t i = 0; i < links->count; i++)
		copy.items[i] = links->items[i];
	return copy;
}

void
rw_order_versions(struct rw_register *rw)
{
	const struct {
		const char *name;
		void (*link)(const struct rw_register *, struct rw_links *);
		bool used;
	} inferences[] = {
	    {"initial-state", link_initial_state, true},
	    {"wfr-keys", link_wfr_keys, true},
	    {"sequential-keys", rw_link_sequential_keys, rw->sequential_keys},
	    {"linearizable-keys", rw_link_linearizable_keys, rw->linearizable_keys},
	};
	const char *sources[sizeof(inferences) / sizeof(inferences[0])];
	struct rw_links links = {0}, more;
	size_t count = 0;

	for (size_t i = 0; i < sizeof(inferences) / sizeof(inferences[0]); i++) {
		if (!inferences[i].used)
			continue;
		more = links_copy(&links);
		inferences[i].link(rw, &more);
		sources[count] = inferences[i].name;
		if (is_order(rw, &more, sources, count + 1)) {
			free(links.items);
			links = more;
			count++;
		} else {
			free(more.items);
		}
	}
	elle_graph_build(&rw->order, links.items, links.count, rw->versions);
	free(links.items);
}

bool
rw_is_before(const struct rw_register *rw, uint32_t version, uint32_t other)
{
	size_t low = rw->order.first[version], high = rw->order.first[version + 1], middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (rw->order.to[middle] < other)
			low = middle + 1;
		else
			high = middle;
	}
	return low < rw->order.first[version + 1] && rw->order.to[low] == other;
}
