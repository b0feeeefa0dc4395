/* The log: a ring of entries behind a base, which stands for all that was compacted away. */
#include <assert.h>
#include <stdlib.h>

#include "memory.h"
#include "raft_internal.h"

#define RING_FIRST  64 /* a power of two, as all capacities are */
#define ENTRY_BYTES 64 /* that an entry takes besides its command */

static void
change(struct raft_log *log, int64_t index)
{
	if (index < log->changed)
		log->changed = index;
}

static struct raft_entry *
slot(const struct raft_log *log, size_t place)
{
	return &log->ring[(log->first + place) & (log->capacity - 1)];
}

int64_t
log_last(const struct raft_log *log)
{
	return log->base + (int64_t)log->count;
}

struct raft_entry *
log_at(const struct raft_log *log, int64_t index)
{
	assert(index > log->base && index <= log_last(log));
	return slot(log, (size_t)(index - log->base - 1));
}

int64_t
log_term(const struct raft_log *log, int64_t index)
{
	if (index == log->base)
		return log->base_term;
	return index > log->base && index <= log_last(log) ? log_at(log, index)->term : -1;
}

static void
grow(struct raft_log *log)
{
	size_t capacity = log->capacity > 0 ? log->capacity * 2 : RING_FIRST;
	struct raft_entry *ring = memory_zero(capacity * sizeof(*ring));

	for (size_t i = 0; i < log->count; i++)
		ring[i] = *slot(log, i);
	free(log->ring);
	log->ring = ring;
	log->first = 0;
	log->capacity = capacity;
}

void
log_append(struct raft_log *log, int64_t term, json_t *command)
{
	size_t bytes = ENTRY_BYTES;

	if (command != NULL)
		bytes += json_dumpb(command, NULL, 0, JSON_ENCODE_ANY | JSON_COMPACT);
	if (log->count == log->capacity)
		grow(log);
	change(log, log_last(log) + 1);
	*slot(log, log->count++) = (struct raft_entry){.term = term, .command = command, .bytes = bytes};
	log->bytes += bytes;
}

static void
drop(struct raft_log *log, const struct raft_entry *entry)
{
	log->bytes -= entry->bytes;
	json_decref(entry->command);
}

void
log_truncate(struct raft_log *log, int64_t last)
{
	assert(last >= log->base);
	change(log, last + 1);
	while (log_last(log) > last)
		drop(log, slot(log, --log->count));
}

void
log_compact(struct raft_log *log, int64_t base)
{
	int64_t term = log_term(log, base);

	assert(term != -1);
	while (log->base < base) {
		drop(log, slot(log, 0));
		log->first = (log->first + 1) & (log->capacity - 1);
		log->count--;
		log->base++;
	}
	log->base_term = term;
}

void
log_reset(struct raft_log *log, int64_t base, int64_t base_term)
{
	log_truncate(log, log->base);
	free(log->ring);
	*log = (struct raft_log){.base = base, .base_term = base_term};
}

int64_t
log_term_end(const struct raft_log *log, int64_t index, int64_t term)
{
	while (index >= log->base && log_term(log, index) > term)
		index--;
	return index;
}
