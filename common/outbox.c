/* A queue: in front what is confirmed, then what is told, then what is not. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* ---- the sender's side --------------------------------------------------------- */

void
outbox_init(struct outbox *o)
{
	*o = (struct outbox){0};
	STAILQ_INIT(&o->items);
}

static void
drop(struct outbox *o, struct outbox_item *item)
{
	STAILQ_REMOVE(&o->items, item, outbox_item, entry);
	o->count--;
	json_decref(item->message);
	free(item);
}

void
outbox_free(struct outbox *o)
{
	while (!STAILQ_EMPTY(&o->items))
		outbox_remove(o);
}

void
outbox_remove(struct outbox *o)
{
	drop(o, STAILQ_FIRST(&o->items));
}

bool
outbox_is_full(const struct outbox *o)
{
	return o->count >= OUTBOX_MAX;
}

void
outbox_add(struct outbox *o, struct request *request, json_t *message)
{
	struct outbox_item *item = memory_alloc(sizeof(*item));

	*item = (struct outbox_item){.request = request, .message = json_incref(message), .number = -1, .position = -1};
	request_deadline(request, OUTBOX_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	STAILQ_INSERT_TAIL(&o->items, item, entry);
	o->count++;
}

static struct outbox_item *
first_unconfirmed(const struct outbox *o)
{
	struct outbox_item *item = STAILQ_FIRST(&o->items);

	while (item != NULL && item->position != -1)
		item = STAILQ_NEXT(item, entry);
	return item;
}

bool
outbox_is_waiting(const struct outbox *o)
{
	const struct outbox_item *item = first_unconfirmed(o);

	return item != NULL && item->number != -1;
}

/* Numbers an item that is told for the first time. Returns false if its client is gone already: then it is dropped. */
static bool
number(struct outbox *o, struct outbox_item *item)
{
	if (item->number != -1)
		return true;
	if (request_closed(item->request)) {
		request_error(item->request, ERROR_TEMPORARILY_UNAVAILABLE, "too late");
		drop(o, item);
		return false;
	}
	item->number = o->next_number++;
	request_deadline(item->request, OUTBOX_DEADLINE_MS, ERROR_TIMEOUT);
	return true;
}

json_t *
outbox_pack(struct outbox *o, int64_t session)
{
	json_t *messages = json_array(), *packed = NULL;
	struct outbox_item *item, *next;
	int64_t first = -1;
	size_t bytes = 0;

	for (item = first_unconfirmed(o); item != NULL; item = next) {
		next = STAILQ_NEXT(item, entry);
		if (json_array_size(messages) == OUTBOX_WINDOW_MAX || bytes >= OUTBOX_WINDOW_BYTES)
			break;
		if (!number(o, item))
			continue;
		if (first == -1)
			first = item->number;
		bytes += json_dumpb(item->message, NULL, 0, JSON_ENCODE_ANY);
		if (json_array_append(messages, item->message) == -1)
			memory_exhausted();
	}
	if (first != -1 && (packed = json_pack("[I, I, O]", (json_int_t)session, (json_int_t)first, messages)) == NULL)
		memory_exhausted();
	json_decref(messages);
	return packed;
}

void
outbox_give_up(struct outbox *o, const char *why)
{
	struct outbox_item *item, *next;

	STAILQ_FOREACH_SAFE (item, &o->items, entry, next)
		if (item->number == -1 && item->position == -1) {
			request_error(item->request, ERROR_TEMPORARILY_UNAVAILABLE, "%s", why);
			drop(o, item);
		}
}

void
outbox_confirm(struct outbox *o, int64_t number, int64_t position, int64_t result)
{
	struct outbox_item *item = first_unconfirmed(o);

	if (item == NULL || item->number != number)
		return;
	item->position = position;
	item->result = result;
}

struct outbox_item *
outbox_confirmed(const struct outbox *o)
{
	struct outbox_item *item = STAILQ_FIRST(&o->items);

	return item != NULL && item->position != -1 ? item : NULL;
}

/* ---- the receiver's side ---------------------------------------------------------- */

static int64_t *
next_of(struct inbox *in, int64_t session)
{
	for (int i = 0; i < INBOX_SESSIONS_MAX; i++)
		if (in->sessions[i].session == session)
			return &in->sessions[i].next;
	memmove(&in->sessions[1], &in->sessions[0], sizeof(in->sessions) - sizeof(in->sessions[0]));
	in->sessions[0].session = session;
	in->sessions[0].next = 0;
	return &in->sessions[0].next;
}

bool
inbox_is_next(struct inbox *in, int64_t session, int64_t number)
{
	return *next_of(in, session) == number;
}

void
inbox_taken(struct inbox *in, int64_t session, int64_t number)
{
	*next_of(in, session) = number + 1;
}
