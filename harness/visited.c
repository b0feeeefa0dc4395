/* An open-addressed table of digests, at most half full. */
#include "visited.h"

#include <stdlib.h>

#include "memory.h"

#define VISITED_FIRST 1024

struct visited_state {
	uint64_t digest; /* 0: free */
	int choices_left, delays_left;
};

static struct visited_state *
find(const struct visited *visited, uint64_t digest)
{
	size_t mask = visited->capacity - 1, i = digest & mask;

	while (visited->states[i].digest != 0 && visited->states[i].digest != digest)
		i = (i + 1) & mask;
	return &visited->states[i];
}

static void
grow(struct visited *visited)
{
	struct visited_state *old = visited->states;
	size_t old_capacity = visited->capacity;

	visited->capacity = old_capacity > 0 ? 2 * old_capacity : VISITED_FIRST;
	visited->states = memory_zero(visited->capacity * sizeof(*old));
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i].digest != 0)
			*find(visited, old[i].digest) = old[i];
	free(old);
}

bool
visited_add(struct visited *visited, uint64_t digest, int choices_left, int delays_left)
{
	struct visited_state *state;

	digest += digest == 0;
	if (visited->count * 2 >= visited->capacity)
		grow(visited);
	state = find(visited, digest);
	if (state->digest == digest && state->choices_left >= choices_left && state->delays_left >= delays_left)
		return false;
	visited->count += state->digest == 0;
	*state = (struct visited_state){digest, choices_left, delays_left};
	return true;
}

void
visited_free(struct visited *visited)
{
	free(visited->states);
	*visited = (struct visited){0};
}
