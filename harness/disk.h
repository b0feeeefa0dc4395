/*
 * The disk of a simulated node: it outlives the node, and may lose what was
 * not synced when the node is killed, as a disk does when the power fails.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"

struct disk;

/* Empty. What it loses comes from a stream of randomness of its own, by (seed, index). */
struct disk *disk_new(uint64_t seed, int index);
void disk_free(struct disk *); /* NULL: nothing */

/* Appends all that it holds: for host->load(). */
void disk_load(const struct disk *, struct buffer *);
/* Does what a turn wants stored, at once and without faults. */
void disk_store(struct disk *, const struct storing *);
/*
 * The same in two steps, where a disk takes its time: what is appended is there but not durable; and then, when the
 * sync is over, it is, or replaces what was there. False: it failed, by a fault; anything may be there of what was to
 * be appended, and nothing of a replacement. The second step cannot fail, and does nothing where nothing is synced.
 */
bool disk_write(struct disk *, const struct storing *);
void disk_sync(struct disk *, const struct storing *);
/* How long that sync takes, in nanoseconds; 0 unless a fault makes it slow. */
int64_t disk_sync_time(struct disk *);

/* From now on so many in a thousand writes fail, and a sync takes a random time of that mean. 0 and 0: it is well. */
void disk_disturb(struct disk *, int permille, int64_t sync_ms);

/*
 * The node was killed: of the bytes that were not synced none, all, or as many as come, from the oldest on, are left: a
 * record may be torn at any byte.
 */
void disk_crash(struct disk *);

#endif
