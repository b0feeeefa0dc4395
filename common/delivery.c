/* Two cumulative counters, one in each direction. */
#include "delivery.h"

#include "memory.h"

static int64_t
max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Of several stretches that overtook others only one is remembered: the rest will be told again. */
static void
receive(struct delivery *p, int64_t from, int64_t to)
{
	if (from <= p->received)
		p->received = max(p->received, to);
	else if (!delivery_gap(p)) {
		p->ahead_from = from;
		p->ahead_to = to;
	} else if (from <= p->ahead_to && to >= p->ahead_from) {
		p->ahead_from = from < p->ahead_from ? from : p->ahead_from;
		p->ahead_to = max(p->ahead_to, to);
	}
	if (p->ahead_from <= p->received)
		p->received = max(p->received, p->ahead_to);
}

/* A peer that has begun a new life may lack all that we told it and all that it told us. */
static void
meet(struct delivery *p, int64_t life, int64_t end)
{
	if (p->life == 0)
		p->life = life;
	else
		*p = (struct delivery){.life = life, .base = end};
}

bool
delivery_read(struct delivery *p, json_t *log, json_t *ack, int64_t life, int64_t end, bool ask)
{
	json_int_t theirs, from, to, ours, place;
	bool changed;

	if (json_unpack(log, "[I, I, I!]", &theirs, &from, &to) == -1 ||
	    json_unpack(ack, "[I, I!]", &ours, &place) == -1 || theirs == 0 || from < 0 || to < from || place < 0)
		return false;
	if (ours != life)
		place = 0;
	if (place > end)
		return false;
	changed = p->life != 0 && theirs != p->life;
	if (theirs != p->life)
		meet(p, theirs, end);
	p->doubtful = changed;
	p->mistaken = ours != 0 && ours != life;
	if (!p->mistaken)
		receive(p, from, to);
	p->acked = ask ? place : max(p->acked, place);
	p->sent = max(p->sent, p->acked);
	p->next = max(p->next, p->sent);
	return true;
}

void
delivery_write(struct delivery *p, json_t *body, int64_t life, int64_t to, bool owed)
{
	json_t *log = json_pack("[I, I, I]", (json_int_t)life, (json_int_t)p->sent, (json_int_t)to);
	json_t *ack = json_pack("[I, I]", (json_int_t)p->life, (json_int_t)p->received);

	if (json_object_set_new(body, "log", log) == -1 || json_object_set_new(body, "ack", ack) == -1)
		memory_exhausted();
	p->sent = to;
	p->next = max(p->next, to);
	if (owed)
		p->owed = max(p->owed, to);
}

void
delivery_repeat(struct delivery *p)
{
	p->sent = p->next = p->acked;
}

bool
delivery_settled(const struct delivery *p)
{
	return p->acked >= p->owed;
}

bool
delivery_gap(const struct delivery *p)
{
	return p->ahead_to > p->received;
}
