/*
 * A simulated disk: bytes in memory, of which the first so many are durable.
 * A replacement is synced at once (node_rewrite() says so), so there is never
 * more than one file to think of.
 */
#include "disk.h"

#include <assert.h>
#include <stdlib.h>

#include "memory.h"
#include "random.h"

struct disk {
	struct buffer bytes;
	size_t durable; /* of them */
	struct random random;
};

struct disk *
disk_new(uint64_t seed, int index)
{
	struct disk *disk = memory_zero(sizeof(*disk));

	random_seed(&disk->random, seed, "disk", (uint64_t)index);
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
disk_store(struct disk *disk, const struct storing *storing)
{
	assert(storing->sync || !storing->replace);
	if (storing->replace)
		disk->bytes.length = 0;
	buffer_append(&disk->bytes, storing->bytes.bytes, storing->bytes.length);
	if (storing->sync)
		disk->durable = disk->bytes.length;
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
