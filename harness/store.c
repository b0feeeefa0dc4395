/*
 * The directory of a run. It exists from the start, so that a run that
 * crashes leaves its logs and messages too; what could not be written whole is
 * an error, never a silent gap.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "workload.h"

/* Runs that begin in the same millisecond are told apart by later ones; so many are tried. */
#define TIME_TRIES 1000

#define JOURNAL_BYTES 262144 /* gathered before they are written */

struct store {
	struct buffer path;
	FILE *journal;
	char gathered[JOURNAL_BYTES];
	bool failed; /* the journal */
};

static bool
complain(struct buffer *error, const char *what)
{
	int code = errno;

	error->length = 0;
	buffer_printf(error, "%s: %s", what, strerror(code));
	return false;
}

/* ---- directories and links ---------------------------------------------------- */

static bool
make_directory(const char *path, struct buffer *error)
{
	return mkdir(path, 0777) == 0 || errno == EEXIST || complain(error, path);
}

/* With all its parents. */
static bool
make_directories(const char *path, struct buffer *error)
{
	char *copy = memory_copy(path, strlen(path));
	bool made = true;

	for (char *slash = strchr(copy + 1, '/'); made && slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		made = make_directory(copy, error);
		*slash = '/';
	}
	made = made && make_directory(copy, error);
	free(copy);
	return made;
}

/* As Jepsen writes it: 20260102T030405.678+0100, and Z at Greenwich. */
static void
format_time(char *text, size_t size, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char zone[8];

	localtime_r(&seconds, &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(text, size, "%04d%02d%02dT%02d%02d%02d.%03d%s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000), strcmp(zone, "+0000") == 0 ? "Z" : zone);
}

/* Makes <parent>/<time>/, a new one, and leaves its last part in `name`. */
static bool
make_run_directory(struct store *store, const char *parent, char *name, size_t size, struct buffer *error)
{
	struct timespec now;
	int64_t ms;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	for (int i = 0; i < TIME_TRIES; i++) {
		format_time(name, size, ms + i);
		store->path.length = 0;
		buffer_printf(&store->path, "%s/%s", parent, name);
		if (mkdir(buffer_string(&store->path), 0777) == 0)
			return true;
		if (errno != EEXIST)
			break;
	}
	return complain(error, buffer_string(&store->path));
}

/* Replaces a link at once: whoever looks sees the old one or the new one. */
static bool
point(const char *link, const char *target, struct buffer *error)
{
	struct buffer temporary = {0};
	bool done;

	buffer_printf(&temporary, "%s.%ld", link, (long)getpid());
	unlink(buffer_string(&temporary));
	done = symlink(target, buffer_string(&temporary)) == 0 && rename(buffer_string(&temporary), link) == 0;
	if (!done) {
		complain(error, link);
		unlink(buffer_string(&temporary));
	}
	buffer_free(&temporary);
	return done;
}

static bool
point_latest(const char *directory, const char *target, struct buffer *error)
{
	struct buffer link = {0};
	bool done;

	buffer_printf(&link, "%s/latest", directory);
	done = point(buffer_string(&link), target, error);
	buffer_free(&link);
	return done;
}

/* ---- opening -------------------------------------------------------------------- */

static void
file_path(const struct store *store, const char *name, struct buffer *path)
{
	path->length = 0;
	buffer_append(path, store->path.bytes, store->path.length);
	buffer_printf(path, "/%s", name);
}

static FILE *
open_file(const struct store *store, const char *name, struct buffer *error)
{
	struct buffer path = {0};
	FILE *file;

	file_path(store, name, &path);
	file = fopen(buffer_string(&path), "we");
	if (file == NULL)
		complain(error, buffer_string(&path));
	buffer_free(&path);
	return file;
}

static bool
open_in(struct store *store, const struct test_options *options, const char *parent, struct buffer *error)
{
	char time[48], target[128];
	struct buffer logs = {0};
	bool opened;

	if (!make_directories(parent, error) || !make_run_directory(store, parent, time, sizeof(time), error))
		return false;
	snprintf(target, sizeof(target), "%s/%s", options->workload->name, time);
	file_path(store, "node-logs", &logs);
	opened = make_directory(buffer_string(&logs), error) && point_latest(parent, time, error) &&
		 point_latest(options->store, target, error) &&
		 (store->journal = open_file(store, "messages.jsonl", error)) != NULL;
	buffer_free(&logs);
	return opened;
}

struct store *
store_open(const struct test_options *options, struct buffer *error)
{
	struct store *store = memory_zero(sizeof(*store));
	struct buffer parent = {0};
	bool opened;

	buffer_printf(&parent, "%s/%s", options->store, options->workload->name);
	opened = open_in(store, options, buffer_string(&parent), error);
	buffer_free(&parent);
	if (!opened) {
		store_close(store);
		return NULL;
	}
	setvbuf(store->journal, store->gathered, _IOFBF, sizeof(store->gathered));
	return store;
}

const char *
store_path(const struct store *store)
{
	return store->path.bytes; /* buffer_string() has been called on it */
}

FILE *
store_journal(struct store *store)
{
	return store->journal;
}

void
store_node_log(const struct store *store, const char *node, struct buffer *path)
{
	file_path(store, "node-logs/", path);
	buffer_printf(path, "%s.log", node);
}

/* ---- finishing -------------------------------------------------------------------- */

static bool
close_file(FILE *file, const struct store *store, const char *name, struct buffer *error)
{
	struct buffer path = {0};
	bool whole;

	errno = 0;
	whole = ferror(file) == 0;
	whole = fclose(file) == 0 && whole;
	if (!whole) {
		if (errno == 0)
			errno = EIO;
		file_path(store, name, &path);
		complain(error, buffer_string(&path));
		buffer_free(&path);
	}
	return whole;
}

static bool
write_text(const struct store *store, const char *name, const struct buffer *text, struct buffer *error)
{
	FILE *file = open_file(store, name, error);

	if (file == NULL)
		return false;
	fwrite(text->bytes, 1, text->length, file);
	return close_file(file, store, name, error);
}

static bool
write_results(const struct store *store, const struct run *run, struct buffer *error)
{
	struct buffer text = {0};
	bool written;

	edn_write_pretty(&text, run->results);
	buffer_append_char(&text, '\n');
	written = write_text(store, "results.edn", &text, error);
	text.length = 0;
	json_write(&text, run->results);
	buffer_append_char(&text, '\n');
	written = written && write_text(store, "results.json", &text, error);
	buffer_free(&text);
	return written;
}

static bool
write_history(const struct store *store, const struct run *run, struct buffer *error)
{
	FILE *file = open_file(store, "history.edn", error);

	if (file == NULL)
		return false;
	history_write(&run->history, file);
	return close_file(file, store, "history.edn", error);
}

bool
store_finish(struct store *store, const struct run *run, struct buffer *error)
{
	FILE *journal = store->journal;

	store->journal = NULL;
	return (journal == NULL || close_file(journal, store, "messages.jsonl", error)) &&
	       write_history(store, run, error) && (run->results == NULL || write_results(store, run, error));
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	if (store->journal != NULL)
		fclose(store->journal);
	buffer_free(&store->path);
	free(store);
}
