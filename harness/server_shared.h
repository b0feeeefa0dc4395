/*
 * What both kinds of server have in common: a place in the network, what
 * becomes of a line of output, the tails for reports, and an end that may
 * come in the midst of its own callback. For process.c and inproc.c only.
 */
#ifndef SERVER_SHARED_H
#define SERVER_SHARED_H

#include "envelope.h"
#include "server.h"

/* Bytes of a line that are kept in a tail. */
#define TAIL_LINE_MAX 1000

/*
 * The last lines: two stretches of SERVER_TAIL of them that are filled in turn,
 * each line as its length and up to TAIL_LINE_MAX bytes of it. Zero-initialise
 * before use.
 */
struct tail {
	size_t lines; /* that there ever were */
	struct buffer stretches[2];
};

struct server_kind {
	void (*kill)(struct server *); /* ends the node at once; it stays in the network */
	bool (*revive)(struct server *, struct buffer *error);
	void (*pause)(struct server *);
	void (*resume)(struct server *);
	void (*clocks)(struct server *, int64_t jump_ms, int64_t drift_ppm); /* NULL: they are the machine's */
	void (*stop)(struct server *); /* the same, and lets go of all that is outside of eddy's memory */
	void (*free)(struct server *); /* memory; calls server_end() and frees the struct */
	/* What stands behind the last newline of its stdout: how much, and the text if it was kept. NULL: never any. */
	size_t (*unfinished)(const struct server *, const char **text);
};

/* The first member of a server of either kind. */
struct server {
	const struct server_kind *kind;
	struct loop *loop;
	struct net *net;
	struct endpoint *endpoint; /* NULL: stopped */
	char *id;
	struct server_events events;
	struct parsed_envelope parsed;
	struct buffer cause;
	struct tail out, err;
	bool log_stderr;
	bool died;   /* has been told */
	int entered; /* server_enter() */
};

/* Fills in a zeroed struct and joins the network. */
void server_begin(struct server *, const struct server_kind *, struct loop *, struct net *, const char *id,
    const struct server_events *, deliver_fn *);
void server_end(struct server *);

/*
 * Around whatever may call back: server_stop() from within a callback keeps
 * the memory until the outermost server_leave(), which returns false if it
 * is gone then. server_stopped() tells loops to end.
 */
void server_enter(struct server *);
bool server_leave(struct server *);
bool server_stopped(const struct server *);

/* A line of its stdout, without newline, and one that was too long to be kept. */
void server_output(struct server *, const char *line, size_t length);
void server_output_oversized(struct server *, size_t length);
/* A line of its stderr: to the tail, and shown if asked for. */
void server_log(struct server *, const char *line, size_t length);
/* Tells of its end, but only of the first. */
void server_died(struct server *, const char *how);

#endif
