/* A set that keeps its order, and a source for each value. */
#include "value_log.h"

#include <stdlib.h>

#include "memory.h"

void
value_log_init(struct value_log *log)
{
	*log = (struct value_log){.capacity = 0};
	json_set_init(&log->values);
}

void
value_log_free(struct value_log *log)
{
	json_set_free(&log->values);
	free(log->sources);
}

int64_t
value_log_end(const struct value_log *log)
{
	return (int64_t)json_set_size(&log->values);
}

bool
value_log_add(struct value_log *log, json_t *value, int source)
{
	size_t place = json_set_size(&log->values);

	if (!json_set_add(&log->values, value))
		return false;
	if (place == log->capacity) {
		log->capacity = 2 * place + 64;
		log->sources = memory_resize(log->sources, log->capacity, sizeof(*log->sources));
	}
	log->sources[place] = source;
	return true;
}

/* Whether a peer has the value at a place because it came from there. */
static bool
came_from(const struct value_log *log, const struct delivery *d, int peer, int64_t place)
{
	return log->sources[place] == peer && place >= d->base;
}

bool
value_log_has_news(const struct value_log *log, struct delivery *d, int peer)
{
	while (d->next < value_log_end(log) && came_from(log, d, peer, d->next))
		d->next++;
	return d->next < value_log_end(log);
}

json_t *
value_log_news(const struct value_log *log, const struct delivery *d, int peer, size_t max, int64_t *to)
{
	json_t *news = memory_made(json_array());

	for (*to = d->next; *to < value_log_end(log) && json_array_size(news) < max; (*to)++)
		if (!came_from(log, d, peer, *to) &&
		    json_array_append(news, json_set_item(&log->values, (size_t)*to)) == -1)
			memory_exhausted();
	return news;
}
