/* Partitions, as Jepsen draws them (jepsen.nemesis, jepsen.nemesis.combined), and two more kinds. */
#include <stdlib.h>
#include <string.h>

#include "grudge.h"

const char *
partition_name(enum partition_kind kind)
{
	static const char *const names[PARTITION_KINDS] = {
	    [PARTITION_ONE] = "one",
	    [PARTITION_MINORITY_THIRD] = "minority-third",
	    [PARTITION_MAJORITY] = "majority",
	    [PARTITION_MAJORITIES_RING] = "majorities-ring",
	    [PARTITION_ONE_WAY] = "one-way",
	    [PARTITION_FLAKY] = "flaky",
	};

	return names[kind];
}

static int *
shuffled(int n, struct random *random)
{
	int *order = reallocarray(NULL, (size_t)n, sizeof(*order));

	if (order == NULL)
		abort();
	for (int i = 0; i < n; i++)
		order[i] = i;
	random_shuffle(random, order, (size_t)n);
	return order;
}

/* Two components that hear nothing of each other: the first `count` of the order, and the rest. */
static void
split(struct grudge *grudge, const int *order, int count)
{
	for (int i = 0; i < count; i++) {
		for (int k = count; k < grudge->n; k++) {
			grudge->drops[order[i] * grudge->n + order[k]] = true;
			grudge->drops[order[k] * grudge->n + order[i]] = true;
		}
	}
}

/* Each node hears a majority around it on a ring, and no two the same one. */
static void
perfect_ring(struct grudge *grudge, const int *order)
{
	int n = grudge->n, majority = n / 2 + 1;

	for (int start = 0; start < n; start++) {
		bool *row = grudge->drops + order[(start + majority / 2) % n] * n;

		memset(row, true, (size_t)n);
		for (int i = 0; i < majority; i++)
			row[order[(start + i) % n]] = false;
	}
}

/* The least connected node, in a fresh random order among equals; not one that `row` (may be NULL) is linked to. */
static int
least_connected(const int *degree, const int *order, int n, const bool *row)
{
	int best = -1;

	for (int i = 0; i < n; i++)
		if ((row == NULL || row[order[i]]) && (best < 0 || degree[order[i]] < degree[best]))
			best = order[i];
	return best;
}

/* For more than five nodes: link the least connected ones until each is linked to a majority (itself counts). */
static void
stochastic_ring(struct grudge *grudge, struct random *random)
{
	int n = grudge->n, majority = n / 2 + 1;
	int *degree = calloc((size_t)n, sizeof(*degree));

	if (degree == NULL)
		abort();
	memset(grudge->drops, true, (size_t)n * (size_t)n);
	for (int i = 0; i < n; i++) {
		grudge->drops[i * n + i] = false;
		degree[i] = 1;
	}
	for (;;) {
		int *order = shuffled(n, random);
		int a = least_connected(degree, order, n, NULL);
		int b = least_connected(degree, order, n, grudge->drops + a * n);

		free(order);
		if (degree[a] >= majority)
			break;
		grudge->drops[a * n + b] = grudge->drops[b * n + a] = false;
		degree[a]++;
		degree[b]++;
	}
	free(degree);
}

/* Some nodes hear nothing of the rest, which hear them. */
static void
deafen(struct grudge *grudge, const int *order, struct random *random)
{
	int n = grudge->n, count = n > 1 ? 1 + (int)random_below(random, (uint64_t)n - 1) : 0;

	for (int i = 0; i < count; i++)
		for (int k = count; k < n; k++)
			grudge->drops[order[i] * n + order[k]] = true;
}

static void
loosen(struct grudge *grudge, struct random *random)
{
	static const int permilles[] = {50, 200, 500, 900};
	int n = grudge->n;

	grudge->permille = permilles[random_below(random, sizeof(permilles) / sizeof(permilles[0]))];
	for (int dest = 0; dest < n; dest++)
		for (int src = 0; src < n; src++)
			grudge->drops[dest * n + src] = dest != src && random_below(random, 2) == 0;
}

void
grudge_draw(struct grudge *grudge, enum partition_kind kind, int n, struct random *random)
{
	int *order = shuffled(n, random);

	grudge->n = n;
	grudge->permille = 1000;
	grudge->drops = calloc((size_t)n * (size_t)n, sizeof(*grudge->drops));
	if (grudge->drops == NULL)
		abort();
	if (kind == PARTITION_ONE)
		split(grudge, order, 1);
	else if (kind == PARTITION_MINORITY_THIRD)
		split(grudge, order, (n - 1) / 3);
	else if (kind == PARTITION_MAJORITY)
		split(grudge, order, n / 2);
	else if (kind == PARTITION_ONE_WAY)
		deafen(grudge, order, random);
	else if (kind == PARTITION_FLAKY)
		loosen(grudge, random);
	else if (n <= 5)
		perfect_ring(grudge, order);
	else
		stochastic_ring(grudge, random);
	free(order);
}

void
grudge_apply(const struct grudge *grudge, struct net *net, const char *const *nodes)
{
	for (int dest = 0; dest < grudge->n; dest++)
		for (int src = 0; src < grudge->n; src++)
			if (grudge->drops[dest * grudge->n + src])
				net_drop(net, nodes[src], nodes[dest], grudge->permille);
}

void
grudge_free(struct grudge *grudge)
{
	free(grudge->drops);
	*grudge = (struct grudge){0};
}

const struct value *
grudge_value(const struct grudge *grudge, struct arena *arena, const char *const *nodes)
{
	struct value *map = value_collection(arena, VALUE_MAP);

	for (int dest = 0; dest < grudge->n; dest++) {
		struct value *set = value_collection(arena, VALUE_SET);

		for (int src = 0; src < grudge->n; src++)
			if (grudge->drops[dest * grudge->n + src])
				value_push(arena, set, value_string(arena, nodes[src]));
		value_put_string(arena, map, nodes[dest], set);
	}
	return map;
}
