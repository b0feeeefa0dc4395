/*
 * A handle is a slot and the generation of its use: one that has ended never
 * finds what the slot serves next.
 */
#include <assert.h>

#include "internal.h"

#define SLOT_BITS   24 /* more than timers and RPCs together; the other 40 bits count the uses of a slot */
#define SLOTS_MAX   ((size_t)1 << SLOT_BITS)
#define SLOTS_FIRST 16

static size_t
slot_of(uint64_t handle)
{
	return (size_t)(handle & (SLOTS_MAX - 1));
}

static size_t
take_slot(struct handles *handles)
{
	size_t slot = handles->free;

	if (slot > 0) {
		handles->free = handles->slots[slot - 1].next;
		return slot - 1;
	}
	assert(handles->count < SLOTS_MAX);
	if (handles->count == handles->capacity) {
		handles->capacity = handles->capacity > 0 ? handles->capacity * 2 : SLOTS_FIRST;
		handles->slots = memory_resize(handles->slots, handles->capacity, sizeof(*handles->slots));
	}
	handles->slots[handles->count] = (struct handle_slot){0};
	return handles->count++;
}

uint64_t
handle_new(struct handles *handles, struct alarm *alarm)
{
	size_t slot = take_slot(handles);

	handles->slots[slot].alarm = alarm;
	return ++handles->slots[slot].generation << SLOT_BITS | slot;
}

void
handle_end(struct handles *handles, uint64_t handle)
{
	struct handle_slot *slot = &handles->slots[slot_of(handle)];

	assert(slot->generation == handle >> SLOT_BITS && slot->alarm != NULL);
	slot->alarm = NULL;
	slot->next = handles->free;
	handles->free = slot_of(handle) + 1;
}

struct alarm *
handle_find(const struct handles *handles, uint64_t handle)
{
	size_t slot = slot_of(handle);

	if (slot >= handles->count || handles->slots[slot].generation != handle >> SLOT_BITS)
		return NULL;
	return handles->slots[slot].alarm;
}
