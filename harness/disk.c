/*
 * A simulated disk: bytes in memory, of which the first so many are durable.
 * A replacement is synced at once (node_rewrite() says so), so there is never
 * more than one file to think of.
 */
#include "disk.h"

#include <assert.h>
#include <stdlib.h>

#include "loop.h"
#include "memory.h"
#include "random.h"

#define SYNC_MAX 4 /* times the mean: no sync takes longer */

struct disk {
	struct buffer bytes;
	size_t durable; /* of them */
	struct random random;
	struct random faults;
	int permille;
	int64_t sync_ms;
};

struct disk *
disk_new(uint64_t seed, int index)
{
	struct disk *disk = memory_zero(sizeof(*disk));

	random_seed(&disk->random, seed, "disk", (uint64_t)index);
	random_seed(&disk->faults, seed, "disk faults", (uint64_t)index);
	return disk;
}

void
disk_free(struct disk *disk)
{
	if (disk == NULL)
		return;
	buffer_free(&disk->bytes);
	free(disk);
}

void
disk_load(const struct disk *disk, struct buffer *bytes)
{
	buffer_append(bytes, disk->bytes.bytes, disk->bytes.length);
}

void
disk_sync(struct disk *disk, const struct storing *storing)
{
	assert(storing->sync || !storing->replace);
	if (storing->replace) {
		disk->bytes.length = 0;
		buffer_append(&disk->bytes, storing->bytes.bytes, storing->bytes.length);
	}
	if (storing->sync)
		disk->durable = disk->bytes.length;
}

void
disk_store(struct disk *disk, const struct storing *storing)
{
	if (!storing->replace)
		buffer_append(&disk->bytes, storing->bytes.bytes, storing->bytes.length);
	disk_sync(disk, storing);
}

/* ---- faults -------------------------------------------------------------- */

void
disk_disturb(struct disk *disk, int permille, int64_t sync_ms)
{
	disk->permille = permille;
	disk->sync_ms = sync_ms;
}

bool
disk_write(struct disk *disk, const struct storing *storing)
{
	size_t length = storing->replace ? 0 : storing->bytes.length;
	bool fails = disk->permille > 0 && random_below(&disk->faults, 1000) < (uint64_t)disk->permille;

	if (fails)
		length = (size_t)random_below(&disk->faults, (uint64_t)length + 1);
	buffer_append(&disk->bytes, storing->bytes.bytes, length);
	return !fails;
}

int64_t
disk_sync_time(struct disk *disk)
{
	uint64_t mean = (uint64_t)(disk->sync_ms * MS_NS), time, longest = SYNC_MAX * mean;

	if (mean == 0)
		return 0;
	time = random_exponential(&disk->faults, mean);
	return (int64_t)(time < longest ? time : longest);
}

/* Each of the three is as likely as the others, however many bytes there are. */
void
disk_crash(struct disk *disk)
{
	size_t loose = disk->bytes.length - disk->durable, left = 0;

	switch (random_below(&disk->random, 3)) {
	case 0:
		break;
	case 1:
		left = loose;
		break;
	default:
		left = (size_t)random_below(&disk->random, (uint64_t)loose + 1);
	}
	disk->durable += left;
	disk->bytes.length = disk->durable;
}
