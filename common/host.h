/*
 * The other side of node.h: what a host (common/stdio.c, harness/inproc.c)
 * does with a node. The core does no input or output: the host feeds it lines
 * and time, and takes away the bytes it wants sent.
 *
 *	node = node_new(program, host, arg);
 *	node_configure(node, argc, argv, ...);
 *	for (;;) {
 *		wait until input, or node_due(node);
 *		node_turn(node, now);
 *		node_receive(node, line, length);	... any number of lines
 *		if (node_has_failed(node))
 *			end with status 1;
 *		if (node_storing(node) != NULL)
 *			do that, and then node_has_stored(node);
 *		write out node_output(node) and clear it;
 *	}
 *	node_free(node);
 */
#ifndef HOST_H
#define HOST_H

#include "buffer.h"
#include "node.h"

/* What the core asks of its host. */
struct host {
	int64_t (*wall_ms)(void *arg);
	uint64_t (*random)(void *arg);                            /* 64 uniform bits */
	void (*log)(void *arg, enum log_level, const char *line); /* complete, without newline */
	/* node_claim() over all nodes of the simulated cluster; NULL where there is no such thing. `what` is constant
	 * text. */
	uint64_t (*claim)(void *arg, const char *what, int64_t a, int64_t b, uint64_t value);
	/*
	 * Once, at init, of a node that was given --data-dir: appends all that is stored under that directory for the
	 * node of that id. False, and the host has said why, if it cannot be had: the node fails. NULL where there is
	 * no disk: then --data-dir is refused.
	 */
	bool (*load)(void *arg, const char *dir, const char *id, struct buffer *bytes);
};

/* Makes a node of `program`, which must outlive it. Aborts when out of memory. */
struct node *node_new(const struct program *, const struct host *, void *arg);

enum configure { CONFIGURE_OK, CONFIGURE_HELP, CONFIGURE_BAD };

/*
 * Parses a command line (argv[0] is the program's name) into the state.
 * CONFIGURE_BAD leaves one line of explanation, CONFIGURE_HELP the help, in
 * `text`. Not reentrant across threads: getopt_long(3) has global state.
 */
enum configure node_configure(struct node *, int argc, char *const argv[], struct buffer *text);

/*
 * Begins a turn: latches `now_ms` (monotonic), notices a stall, and runs what
 * is due. Call it before node_receive() whenever time may have passed.
 */
void node_turn(struct node *, int64_t now_ms);

/*
 * Takes one line, without its newline. A line that is not JSON, not an object,
 * or lacks src, dest or body.type is logged and skipped. `line` is not kept.
 */
void node_receive(struct node *, const char *line, size_t length);

/* A line over NODE_LINE_MAX was thrown away by the framing: logs it. */
void node_receive_oversized(struct node *, size_t length);

/* When node_turn() must be called next, in ms; INT64_MAX: only with input. */
int64_t node_due(const struct node *);

/* Lines to send, each ended by a newline. The host empties it with buffer_consume(). */
struct buffer *node_output(struct node *);

/* What is to become of the stored bytes. */
struct storing {
	struct buffer bytes; /* go behind what is stored ... */
	bool replace;        /* ... or in its place, at once or not at all */
	bool sync;           /* must be durable before the output leaves */
};

/* What the turn wants stored before its output may leave, or NULL. */
const struct storing *node_storing(const struct node *);
/* It was done. */
void node_has_stored(struct node *);

/* Whether the node cannot go on (and has said why): nothing of this turn may be stored or sent. */
bool node_has_failed(const struct node *);

/* Ends the node, whatever is in flight: drops run, then stop(), and all memory is freed. Nothing is sent. */
void node_free(struct node *);

/* Runs `program` over stdin and stdout until EOF: the main() of every node. Returns the exit status. */
int node_main(const struct program *, int argc, char *argv[]);

#endif
