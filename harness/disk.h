/*
 * The disk of a simulated node: it outlives the node, and may lose what was
 * not synced when the node is killed, as a disk does when the power fails.
 */
#ifndef DISK_H
#define DISK_H

#include <stdint.h>

#include "host.h"

struct disk;

/* Empty. What it loses comes from a stream of randomness of its own, by (seed, index). */
struct disk *disk_new(uint64_t seed, int index);
void disk_free(struct disk *); /* NULL: nothing */

/* Appends all that it holds: for host->load(). */
void disk_load(const struct disk *, struct buffer *);
/* Does what a turn wants stored. */
void disk_store(struct disk *, const struct storing *);
/* The node was killed: of the bytes that were not synced none, all, or as many as come, from the oldest on, are left.
 */
void disk_crash(struct disk *);

#endif
