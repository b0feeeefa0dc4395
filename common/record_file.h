/*
 * The file of one node's records: DIR/<node id>.records. Locked, appended to,
 * replaced at once. For hosts of real processes; blocks.
 */
#ifndef RECORD_FILE_H
#define RECORD_FILE_H

#include "host.h"

#define RECORD_FILE_ID_MAX 200 /* characters of a node's id: it is a part of a file's name */

struct record_file;

/*
 * Opens the file of that node, and makes it, and the directory (but not the
 * one it is in), if need be; appends to `bytes` what it holds. It is locked
 * for as long as it is open. NULL, with a line in `why`, if that cannot be:
 * another process has it, the id is no safe name of a file, ...
 */
struct record_file *record_file_open(const char *dir, const char *id, struct buffer *bytes, struct buffer *why);
/*
 * Does what a turn wants stored. False, with a line in `why`, if it fails: the
 * file must not be used any more, and what is there then is what was synced
 * last, perhaps with a part of what came since.
 */
bool record_file_store(struct record_file *, const struct storing *, struct buffer *why);
void record_file_close(struct record_file *); /* NULL: nothing */

#endif
