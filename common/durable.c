/* A log of changes whose first record is {"life": number}. */
#include "durable.h"

#include "memory.h"

static json_t *
life_record(const struct durable *d)
{
	return memory_made(json_pack("{s:I}", "life", (json_int_t)d->life));
}

/* ---- beginning -------------------------------------------------------------- */

static void
be_born(struct durable *d, struct node *n)
{
	d->life = (int64_t)node_random(n, DURABLE_LIFE_MAX) + 1;
	node_append(n, life_record(d));
	node_sync(n);
}

/* False: this is none. */
static bool
take_life(struct durable *d, json_t *record)
{
	json_int_t life;

	if (json_unpack(record, "{s:I!}", "life", &life) == -1 || life <= 0)
		return false;
	d->life = life;
	d->remembers = true;
	return true;
}

void
durable_start(
    struct durable *d, struct node *n, bool (*record)(struct node *, json_t *record), json_t *(*records)(struct node *))
{
	json_t *next = node_next_record(n);

	*d = (struct durable){.records = records};
	if (next == NULL) {
		be_born(d, n);
		return;
	}
	if (!take_life(d, next)) {
		node_fail(n, "the first stored record is not that of a life");
		return;
	}
	while ((next = node_next_record(n)) != NULL)
		if (record == NULL || !record(n, next)) {
			node_fail(n, "a stored record is of no known form");
			return;
		}
}

/* ---- changes ------------------------------------------------------------------ */

static bool
is_overgrown(const struct durable *d, const struct node *n)
{
	return d->records != NULL && node_stored(n) / (DURABLE_GARBAGE + 1) > d->live + DURABLE_GARBAGE_FREE;
}

static void
rewrite(struct durable *d, struct node *n)
{
	json_t *records = memory_made(d->records(n));

	if (json_array_insert_new(records, 0, life_record(d)) == -1)
		memory_exhausted();
	node_rewrite(n, records);
	d->live = node_stored(n);
}

void
durable_append(struct durable *d, struct node *n, json_t *record)
{
	if (!node_is_durable(n)) {
		json_decref(record);
		return;
	}
	node_append(n, memory_made(record));
	node_sync(n);
	if (is_overgrown(d, n))
		rewrite(d, n);
}
