/*
 * The file of a node's records. It is locked with flock(2), and so is what it
 * is replaced with, before it has its name: whoever opens the file in between
 * finds either locked, or sees that it is not the one of that name any more.
 *
 * Where an append or its sync fails, the file ends where it was last synced:
 * what is behind that was promised by nobody. It is shortened at once, so that
 * nobody takes for stored what the system only shows (storage.c says why, and
 * does not count on this).
 */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "record_file.h"

#define READ_BYTES ((size_t)64 << 10)
#define OPENS_MAX  16 /* how often in a row another process may replace the file while it is opened */

#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct record_file {
	int dir, fd;
	off_t length, synced; /* bytes: what it holds, and how much of that was last synced */
	char *path;           /* for messages */
	char *name, *temp;    /* in dir */
};

/* ---- system calls ------------------------------------------------------------ */

static bool
failed(const struct record_file *file, const char *what, struct buffer *why)
{
	buffer_printf(why, "%s: %s: %s", file->path, what, strerror(errno));
	return false;
}

static bool
write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = write(fd, bytes, length);

		if (put == -1 && errno != EINTR)
			return false;
		if (put > 0) {
			bytes += put;
			length -= (size_t)put;
		}
	}
	return true;
}

static bool
read_all(int fd, struct buffer *bytes)
{
	ssize_t got;

	while ((got = read(fd, buffer_reserve(bytes, READ_BYTES), READ_BYTES)) != 0) {
		if (got == -1 && errno != EINTR)
			return false;
		if (got > 0)
			bytes->length += (size_t)got;
	}
	return true;
}

static bool
sync_fd(int fd, int (*sync_it)(int))
{
	int result;

	while ((result = sync_it(fd)) == -1 && errno == EINTR)
		;
	return result == 0;
}

/* ---- opening ------------------------------------------------------------------- */

static bool
is_safe(const char *id)
{
	size_t length = strlen(id);

	return length > 0 && length <= RECORD_FILE_ID_MAX && id[0] != '.' && strspn(id, ID_CHARACTERS) == length;
}

/* A new directory must be durable as well, and that is a matter of the one above it. */
static bool
open_dir(struct record_file *file, const char *dir, struct buffer *why)
{
	int above;
	bool synced, made = mkdir(dir, 0777) == 0;

	if (!made && errno != EEXIST)
		return failed(file, "the directory cannot be made", why);
	file->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->dir == -1)
		return failed(file, "the directory cannot be opened", why);
	if (!made)
		return true;
	above = openat(file->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	synced = above != -1 && sync_fd(above, fsync);
	if (above != -1)
		close(above);
	return synced || failed(file, "the directory cannot be synced", why);
}

/* Whether what is open is what has the name now. */
static bool
is_current(const struct record_file *file)
{
	struct stat named, opened;

	return fstatat(file->dir, file->name, &named, 0) == 0 && fstat(file->fd, &opened) == 0 &&
	       named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

static bool
open_locked(struct record_file *file, struct buffer *why)
{
	for (int i = 0; i < OPENS_MAX; i++) {
		file->fd = openat(file->dir, file->name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
		if (file->fd == -1)
			return failed(file, "cannot be opened", why);
		if (flock(file->fd, LOCK_EX | LOCK_NB) == -1) {
			if (errno == EWOULDBLOCK) {
				buffer_printf(why, "%s: another process uses it", file->path);
				return false;
			}
			return failed(file, "cannot be locked", why);
		}
		if (is_current(file))
			return true;
		close(file->fd);
		file->fd = -1;
	}
	buffer_printf(why, "%s: another process keeps replacing it", file->path);
	return false;
}

static struct record_file *
record_file_new(const char *dir, const char *id)
{
	struct record_file *file = memory_zero(sizeof(*file));
	struct buffer text = {0};

	buffer_printf(&text, "%s/%s.records", dir, id);
	file->path = memory_copy(text.bytes, text.length);
	text.length = 0;
	buffer_printf(&text, "%s.records", id);
	file->name = memory_copy(text.bytes, text.length);
	buffer_append_string(&text, ".new");
	file->temp = memory_copy(text.bytes, text.length);
	buffer_free(&text);
	file->dir = file->fd = -1;
	return file;
}

struct record_file *
record_file_open(const char *dir, const char *id, struct buffer *bytes, struct buffer *why)
{
	struct record_file *file;

	if (!is_safe(id)) {
		buffer_printf(why, "the node's id is no safe name for a file in %s", dir);
		return NULL;
	}
	file = record_file_new(dir, id);
	if (open_dir(file, dir, why) && open_locked(file, why)) {
		if (!read_all(file->fd, bytes))
			failed(file, "cannot be read", why);
		else if (!sync_fd(file->dir, fsync))
			failed(file, "the directory cannot be synced", why);
		else {
			file->length = file->synced = (off_t)bytes->length;
			return file;
		}
	}
	record_file_close(file);
	return NULL;
}

/* ---- storing --------------------------------------------------------------------- */

/* What fails is said first: cutting off is all that can be done besides, and may fail as well. */
static bool
cut_off(struct record_file *file, const char *what, struct buffer *why)
{
	failed(file, what, why);
	if (ftruncate(file->fd, file->synced) == -1)
		failed(file, ", and what was written of it cannot be cut off", why);
	return false;
}

static bool
append(struct record_file *file, const struct storing *storing, struct buffer *why)
{
	if (!write_all(file->fd, storing->bytes.bytes, storing->bytes.length))
		return cut_off(file, "cannot be written", why);
	file->length += (off_t)storing->bytes.length;
	if (!storing->sync)
		return true;
	if (!sync_fd(file->fd, fdatasync))
		return cut_off(file, "cannot be synced", why);
	file->synced = file->length;
	return true;
}

static bool
write_new(struct record_file *file, int fd, const struct storing *storing, struct buffer *why)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return failed(file, "what replaces it cannot be locked", why);
	if (ftruncate(fd, 0) == -1 || !write_all(fd, storing->bytes.bytes, storing->bytes.length))
		return failed(file, "what replaces it cannot be written", why);
	if (!sync_fd(fd, fsync))
		return failed(file, "what replaces it cannot be synced", why);
	if (renameat(file->dir, file->temp, file->dir, file->name) == -1)
		return failed(file, "cannot be replaced", why);
	return true;
}

static bool
replace(struct record_file *file, const struct storing *storing, struct buffer *why)
{
	int fd = openat(file->dir, file->temp, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

	if (fd == -1)
		return failed(file, "what replaces it cannot be opened", why);
	if (!write_new(file, fd, storing, why)) {
		close(fd);
		return false;
	}
	close(file->fd);
	file->fd = fd;
	file->length = file->synced = (off_t)storing->bytes.length;
	return sync_fd(file->dir, fsync) || failed(file, "the directory cannot be synced", why);
}

bool
record_file_store(struct record_file *file, const struct storing *storing, struct buffer *why)
{
	return storing->replace ? replace(file, storing, why) : append(file, storing, why);
}

void
record_file_close(struct record_file *file)
{
	if (file == NULL)
		return;
	if (file->fd != -1)
		close(file->fd);
	if (file->dir != -1)
		close(file->dir);
	free(file->path);
	free(file->name);
	free(file->temp);
	free(file);
}
