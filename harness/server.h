/*
 * A node under test, of either kind: a process of its own (process.c) or a
 * program linked into eddy (inproc.c). It joins the network when it is made
 * and hands what it prints to the network; what would make it deaf under
 * Maelstrom is reported as an offence, and the run goes on.
 */
#ifndef SERVER_H
#define SERVER_H

#include "disk.h"
#include "loop.h"
#include "net.h"
#include "options.h"

struct server;

/* The lines of stdout and stderr that are kept for reports (maelstrom.process/debug-buffer-size). */
#define SERVER_TAIL 32
/* Bytes of a process's stderr in its log, or a little more: what comes behind is said to be missing. */
#define SERVER_LOG_MAX ((size_t)64 << 20)

/* What a server tells the run. Called from the loop, never from within server_*() calls; they may stop it. */
struct server_events {
	/* A protocol error; `line` is what the node printed (not terminated), `cause` is one line. */
	void (*offence)(void *arg, struct server *, const char *line, size_t length, const char *cause);
	/*
	 * It ended by itself; `how` is one line ("exited with status 1", "killed by signal 11"). Or it flooded the
	 * network (NET_FLOODED) and was ended for it, and `how` says so. Told at most once.
	 */
	void (*died)(void *arg, struct server *, const char *how);
	void *arg;
	/*
	 * A message for a client that has been closed meanwhile. NULL where nothing stalls nodes: then it is an
	 * offence.
	 */
	void (*late)(void *arg, struct server *, const char *client);
	/* A simulated node has ended because its disk failed, as it was told to: as if killed. May be NULL. */
	loop_fn *disk_failed;
	void *disk_arg;
};

/*
 * Starts a process: `bin` made canonical, in TMPDIR-independent /tmp, in its
 * own process group, stderr to the end of `log_path` (NULL: nowhere). Returns
 * NULL with a line in `error` if it cannot be started. From the first one on
 * SIGPIPE is ignored, and whatever happens to eddy, SIGKILL included, its
 * processes and their children end with it. The options must outlive it.
 */
struct server *server_process(struct loop *, struct net *, const struct test_options *, const char *id,
    const char *log_path, const struct server_events *, struct buffer *error);
/*
 * Makes a simulated node; its randomness comes from (seed, index, incarnation).
 * `log` may be NULL. What it stores, with --data-dir, is on the disk, which
 * must outlive it, and so must the options.
 */
struct server *server_inproc(struct loop *, struct net *, const struct test_options *, const char *id, uint64_t seed,
    int index, struct disk *, FILE *log, const struct server_events *, struct buffer *error);

const char *server_id(const struct server *);
/* Ends it without warning (SIGKILL to its process group; drops in simulation) and leaves the network. Frees it. */
void server_stop(struct server *);
/*
 * Kills it, without ending it: it keeps its place in the network, where what
 * comes for it is lost. A simulated disk may lose what was not synced.
 */
void server_kill(struct server *);
/* Starts a killed one again, with its arguments and its disk; it awaits init. False with a line in `error`. */
bool server_revive(struct server *, struct buffer *error);
/*
 * From now until server_resume() or its end it gets neither messages, which wait, nor time (SIGSTOP to its process
 * group). One that is killed is not paused.
 */
void server_pause(struct server *);
void server_resume(struct server *);
/* Simulated nodes only: see clocks_disturb(). */
void server_disturb_clocks(struct server *, int64_t jump_ms, int64_t drift_ppm);
/* The network's endpoint_note(): something has happened to it that is not a message. */
void server_note(struct server *, uint64_t);
/* The last lines of its stdout and stderr, for a report. */
void server_tail(const struct server *, struct buffer *);

/*
 * Kills what process.c has started and still runs: safe in a signal handler
 * and at exit, so that no process is left behind.
 */
void server_kill_all(void);

#endif
