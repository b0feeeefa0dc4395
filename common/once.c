/* A window of bits that follows the newest number. */
#include "once.h"

#include <string.h>

bool
once_first(struct once *once, int64_t incarnation, int64_t id)
{
	uint64_t *word, bit = (uint64_t)1 << (id % 64);

	if (incarnation < once->incarnation)
		return false;
	if (incarnation > once->incarnation || id > once->newest + ONCE_WINDOW) {
		once->incarnation = incarnation;
		memset(once->seen, 0, sizeof(once->seen));
		once->newest = id;
	}
	if (id <= once->newest - ONCE_WINDOW)
		return false;
	for (; once->newest < id; once->newest++) {
		int64_t fresh = once->newest + 1;

		once->seen[fresh / 64 % (ONCE_WINDOW / 64)] &= ~((uint64_t)1 << (fresh % 64));
	}
	word = &once->seen[id / 64 % (ONCE_WINDOW / 64)];
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}
