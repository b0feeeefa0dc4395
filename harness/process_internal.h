/*
 * What the parts of a node as a process share: process.c for its life,
 * process_pipes.c for what goes in and comes out, process_log.c for its stderr.
 */
#ifndef PROCESS_INTERNAL_H
#define PROCESS_INTERNAL_H

#include "framing.h"
#include "server_shared.h"
#include "spawn.h"

#define PIPE_CHUNK ((size_t)64 << 10) /* a read(2), and what a pipe holds */
#define READS_MAX  4                  /* reads of one pipe in a row, before others have their turn */
#define DRAINS_MAX 16                 /* the same when it has ended: children of it may still write */

struct process {
	struct server server; /* first */
	const struct test_options *options;
	struct spawned child; /* its descriptors: -1 when closed */
	int pidfd;            /* -1: not there; the timer looks instead */
	uint64_t timer;
	bool killed; /* by server_kill(): its end is no news */

	/* process_pipes.c */
	struct buffer input; /* to be written, from `written` on */
	size_t written;
	bool full;      /* the pipe is: input waits for room */
	uint64_t flush; /* event */
	struct framing framing;

	/* process_log.c */
	int log; /* -1: none */
	bool log_failed;
	size_t logged;      /* bytes */
	struct buffer line; /* of stderr, unfinished */
};

/* ---- process_pipes.c ------------------------------------------------------- */

/* Watches the pipes of a child that has just been spawned. */
void pipes_begin(struct process *);
deliver_fn pipes_deliver;
/* It hears and says nothing any more; its stderr stays open. */
void pipes_close(struct process *);
/* The child has ended: its last words are heard, and then nothing more, though children of it may still write. */
void pipes_drain(struct process *);
/* Its stderr as well; what is in it goes into the log. */
void pipes_end(struct process *);
/* As server_kind's. */
size_t pipes_unfinished(const struct server *, const char **text);
/* A line that is too long already, and had no end: until now it might have got one. */
void pipes_report_endless(struct process *);

/* How long to go on reading: while a read fills its chunk, or until nothing is there at all. */
enum reading { READ_FULL_CHUNKS, READ_ALL };

/* Reads once, up to PIPE_CHUNK; closes what has ended. */
size_t pipe_read(struct process *, int *fd, char *to);
void pipe_close(struct process *, int *fd);
bool pipe_may_have_more(enum reading, size_t length);

/* ---- process_log.c ----------------------------------------------------------- */

/* NULL: there is none. False with a line in `error`. */
bool log_open(struct process *, const char *path, struct buffer *error);
void log_close(struct process *);
/* Reads its stderr, into the log and the tail. */
void log_read(struct process *, enum reading, int reads);
/* What it left unfinished is a line of the tail as well. */
void log_rest(struct process *);

#endif
