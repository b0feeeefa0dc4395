/*
 * A node that lives in eddy: the very object file of the real program, over
 * virtual time, with every random draw from the seed. Bytes go in and out as
 * they would through pipes.
 */
#include <assert.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "clocks.h"
#include "host.h"
#include "memory.h"
#include "server_shared.h"

/* When virtual time begins for those who ask a node's wall clock: 2020-01-01. */
#define EPOCH_MS INT64_C(1577836800000)

struct inproc {
	struct server server; /* first */
	const struct test_options *options;
	uint64_t seed;
	int index, lives; /* lives: begun before this one */
	struct node *node;
	struct disk *disk; /* borrowed */
	struct random random;
	FILE *log;          /* NULL: nowhere */
	struct buffer line; /* its next input */
	uint64_t wake;      /* event at wake_ms; 0: none */
	int64_t wake_ms;
	bool killed, paused;
	uint64_t syncing; /* the event at the end of a sync, for which the node waits; 0: none */
	struct clocks clocks;
	struct claims claims; /* that count when the turn is stored */
};

/* ---- what the node asks of its host -------------------------------------- */

static int64_t
host_wall_ms(void *arg)
{
	const struct inproc *inproc = arg;
	int64_t now = loop_now(inproc->server.loop);

	return EPOCH_MS + (now + clocks_wall_offset(&inproc->clocks, now)) / MS_NS;
}

static uint64_t
host_random(void *arg)
{
	struct inproc *inproc = arg;

	return random_next(&inproc->random);
}

static void
host_log(void *arg, enum log_level level, const char *line)
{
	struct inproc *inproc = arg;

	(void)level;
	server_log(&inproc->server, line, strlen(line));
	if (inproc->log != NULL)
		fprintf(inproc->log, "%s\n", line);
}

static uint64_t
host_claim(void *arg, const char *what, int64_t a, int64_t b, uint64_t value)
{
	struct inproc *inproc = arg;

	if (!node_is_durable(inproc->node))
		return claims_make(net_claims(inproc->server.net), what, a, b, value);
	return claims_propose(net_claims(inproc->server.net), &inproc->claims, what, a, b, value);
}

/* One disk a node: the directory's name does not matter. */
static bool
host_load(void *arg, const char *dir, const char *id, struct buffer *bytes)
{
	struct inproc *inproc = arg;

	(void)dir;
	(void)id;
	disk_load(inproc->disk, bytes);
	return true;
}

static const struct host host = {host_wall_ms, host_random, host_log, host_claim, host_load};

/* ---- what it says, and when it wakes ------------------------------------- */

static void
take_output(struct inproc *inproc)
{
	struct buffer *output = node_output(inproc->node);
	const char *at = output->bytes, *end = at + output->length;

	while (at < end && !inproc->killed) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		assert(newline != NULL);
		server_output(&inproc->server, at, (size_t)(newline - at));
		at = newline + 1;
	}
	buffer_consume(output, output->length);
}

/* Whether it gets neither messages nor time. */
static bool
stands_still(const struct inproc *inproc)
{
	return inproc->killed || inproc->paused || inproc->syncing != 0;
}

static void wake(void *arg);

static void
set_wake(struct inproc *inproc)
{
	int64_t due_ms = stands_still(inproc) ? INT64_MAX : node_due(inproc->node);

	if (inproc->wake != 0 && due_ms == inproc->wake_ms)
		return;
	loop_cancel(inproc->server.loop, inproc->wake);
	inproc->wake = 0;
	inproc->wake_ms = due_ms;
	if (due_ms < INT64_MAX / MS_NS)
		inproc->wake = loop_at(inproc->server.loop, clocks_when(&inproc->clocks, due_ms * MS_NS), wake, inproc);
}

/* What it claimed in this turn stands now. The message is as of a node that finds it out by itself. */
static void
settle_claims(struct inproc *inproc)
{
	struct buffer contradiction = {0};

	if (inproc->claims.count == 0 || claims_settle(net_claims(inproc->server.net), &inproc->claims, &contradiction))
		return;
	warnx("%s: %s", inproc->server.id, buffer_string(&contradiction));
	abort();
}

/* ---- its disk ------------------------------------------------------------ */

/* It goes on, unless something else keeps it. */
static void
go_on(struct inproc *inproc)
{
	set_wake(inproc);
	if (!server_stopped(&inproc->server) && !inproc->paused && inproc->syncing == 0)
		endpoint_resume(inproc->server.endpoint);
}

static void
synced(void *arg)
{
	struct inproc *inproc = arg;

	inproc->syncing = 0;
	disk_sync(inproc->disk, node_storing(inproc->node));
	node_has_stored(inproc->node);
	settle_claims(inproc);
	server_enter(&inproc->server);
	take_output(inproc);
	go_on(inproc);
	server_leave(&inproc->server);
}

/* What waited for it while it stood still is lost. */
static void
inproc_kill(struct server *server)
{
	struct inproc *inproc = (struct inproc *)server;

	if (!inproc->killed)
		disk_crash(inproc->disk);
	inproc->killed = true;
	inproc->paused = false;
	loop_cancel(server->loop, inproc->syncing);
	inproc->syncing = 0;
	claims_free(&inproc->claims);
	if (!server_stopped(server))
		endpoint_lose(server->endpoint);
	go_on(inproc);
}

/* As a real node does it ends when it cannot store, and with it goes what was not synced. */
static void
fail_to_store(struct inproc *inproc)
{
	host_log(inproc, LOG_LEVEL_ERROR, "cannot write: the disk fails, as it was told to");
	inproc_kill(&inproc->server);
	if (inproc->server.events.disk_failed != NULL)
		inproc->server.events.disk_failed(inproc->server.events.disk_arg);
}

/* What it has to store is stored, or will be; it waits for that before it does anything else. */
static void
take_records(struct inproc *inproc)
{
	const struct storing *storing = node_storing(inproc->node);
	int64_t time;

	if (storing == NULL)
		return;
	if (!disk_write(inproc->disk, storing)) {
		fail_to_store(inproc);
		return;
	}
	time = storing->sync ? disk_sync_time(inproc->disk) : 0;
	if (time > 0) {
		endpoint_pause(inproc->server.endpoint);
		inproc->syncing = loop_after(inproc->server.loop, time, synced, inproc);
		return;
	}
	disk_sync(inproc->disk, storing);
	node_has_stored(inproc->node);
}

/* ---- turns --------------------------------------------------------------- */

/* One turn of the node: time, then a line if there is one, then what it has to store, and to say. */
static void
turn(struct inproc *inproc, const struct buffer *line)
{
	server_enter(&inproc->server);
	node_turn(inproc->node, clocks_monotonic(&inproc->clocks, loop_now(inproc->server.loop)) / MS_NS);
	if (line != NULL)
		node_receive(inproc->node, line->bytes, line->length);
	if (node_has_failed(inproc->node)) {
		inproc->killed = true;
		server_died(&inproc->server, "exited with status 1");
	} else {
		take_records(inproc);
		if (inproc->syncing == 0) {
			settle_claims(inproc);
			take_output(inproc);
		}
	}
	set_wake(inproc);
	server_leave(&inproc->server);
}

static void
wake(void *arg)
{
	struct inproc *inproc = arg;

	inproc->wake = 0;
	endpoint_note(inproc->server.endpoint, 0);
	loop_trace(inproc->server.loop, "timer   %s", server_id(&inproc->server));
	turn(inproc, NULL);
}

static bool
deliver(void *arg, const struct envelope *envelope)
{
	struct inproc *inproc = arg;

	if (inproc->killed)
		return true;
	inproc->line.length = 0;
	envelope_write(&inproc->line, envelope);
	turn(inproc, &inproc->line);
	return true;
}

/* ---- beginning and end --------------------------------------------------- */

static void
inproc_resume(struct server *server)
{
	struct inproc *inproc = (struct inproc *)server;

	if (!inproc->paused)
		return;
	inproc->paused = false;
	go_on(inproc);
}

static void
inproc_pause(struct server *server)
{
	struct inproc *inproc = (struct inproc *)server;

	if (inproc->killed)
		return;
	inproc->paused = true;
	set_wake(inproc);
	endpoint_pause(server->endpoint);
}

static void
inproc_disturb_clocks(struct server *server, int64_t jump_ms, int64_t drift_ppm)
{
	struct inproc *inproc = (struct inproc *)server;

	clocks_disturb(&inproc->clocks, loop_now(server->loop), jump_ms, drift_ppm);
	loop_cancel(server->loop, inproc->wake);
	inproc->wake = 0;
	set_wake(inproc);
}

static void
inproc_free(struct server *server)
{
	struct inproc *inproc = (struct inproc *)server;

	node_free(inproc->node);
	server_end(server);
	buffer_free(&inproc->line);
	free(inproc);
}

/* Parses the node's command line, on a copy of the vector: getopt_long(3) may permute it. */
static bool
configure(struct inproc *inproc, struct buffer *error)
{
	const struct test_options *options = inproc->options;
	struct buffer text = {0};
	enum configure result;
	int argc = 1;
	char **argv;

	while (options->args != NULL && options->args[argc - 1] != NULL)
		argc++;
	argv = memory_zero(((size_t)argc + 1) * sizeof(*argv));
	argv[0] = memory_copy(options->program->name, strlen(options->program->name));
	for (int i = 1; i < argc; i++)
		argv[i] = options->args[i - 1];
	result = node_configure(inproc->node, argc, argv, &text);
	if (result == CONFIGURE_HELP)
		buffer_printf(error, "%s: --help is for the program itself, not for a simulation", argv[0]);
	else if (result == CONFIGURE_BAD)
		buffer_append(error, text.bytes, text.length);
	free(argv[0]);
	free(argv);
	buffer_free(&text);
	return result == CONFIGURE_OK;
}

/* A node without a disk has lost its memory: it may claim anything from now on. */
static bool
begin(struct inproc *inproc, struct buffer *error)
{
	uint64_t incarnation = endpoint_incarnation(inproc->server.endpoint) + (uint64_t)inproc->lives;

	random_seed(&inproc->random, inproc->seed, "node", incarnation << 32 | (uint32_t)inproc->index);
	inproc->node = node_new(inproc->options->program, &host, inproc);
	if (!configure(inproc, error))
		return false;
	if (incarnation > 0 && !node_is_durable(inproc->node))
		claims_off(net_claims(inproc->server.net));
	set_wake(inproc);
	return true;
}

static bool
inproc_revive(struct server *server, struct buffer *error)
{
	struct inproc *inproc = (struct inproc *)server;

	assert(inproc->killed && server->entered == 0);
	node_free(inproc->node);
	inproc->killed = server->died = false;
	inproc->lives++;
	if (!begin(inproc, error))
		inproc->killed = true;
	return !inproc->killed;
}

static const struct server_kind inproc_kind = {
    .kill = inproc_kill,
    .revive = inproc_revive,
    .pause = inproc_pause,
    .resume = inproc_resume,
    .clocks = inproc_disturb_clocks,
    .stop = inproc_kill,
    .free = inproc_free,
};

struct server *
server_inproc(struct loop *loop, struct net *net, const struct test_options *options, const char *id, uint64_t seed,
    int index, struct disk *disk, FILE *log, const struct server_events *events, struct buffer *error)
{
	struct inproc *inproc = memory_zero(sizeof(*inproc));

	inproc->server.log_stderr = options->log_stderr;
	inproc->options = options;
	inproc->seed = seed;
	inproc->index = index;
	inproc->disk = disk;
	inproc->log = log;
	server_begin(&inproc->server, &inproc_kind, loop, net, id, events, deliver);
	if (begin(inproc, error))
		return &inproc->server;
	server_stop(&inproc->server);
	return NULL;
}
