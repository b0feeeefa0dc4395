/*
 * Brings the nodes up as Maelstrom does: the first node starts the services
 * before it registers itself, the others do not wait for it; each gets init
 * from a client of its own, which is closed right after init_ok; when all have
 * answered, a second round of clients sends the workload's set-up, and stays to
 * the end. A node that was killed and is started again gets init alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "cluster.h"
#include "memory.h"
#include "random.h"
#include "service.h"

struct member {
	struct cluster *cluster;
	int index;
	struct server *server;
	struct client *client;
	struct disk *disk; /* of a simulated node */
	FILE *log;         /* the same */
	bool dead, paused;
	bool stalled;         /* it was paused since it began */
	uint64_t restart;     /* the event that starts it again after its disk has failed; 0: none */
	bool overdue;         /* it is paused, and has not answered init in time */
	struct client *again; /* asks for init once more */
	loop_fn *revived;
	void *revived_arg;
};

struct cluster {
	struct loop *loop;
	struct net *net;
	const struct test_options *options;
	uint64_t seed;
	int *next_client;
	struct arena *arena;
	const struct store *store;
	struct cluster_events events;
	struct services *services;
	struct member *members;
	int pending;        /* members that have not answered yet */
	uint64_t straggler; /* the event that starts the member that waits for an answer; 0: none */
	const struct rpc *setup;
	bool failed;
};

static void
fail(struct member *member, struct buffer *why)
{
	struct cluster *cluster = member->cluster;

	if (!cluster->failed) {
		cluster->failed = true;
		cluster->events.failed(cluster->events.arg, member->index, buffer_string(why));
	}
	buffer_free(why);
}

static void
close_client(struct member *member)
{
	client_close(member->client);
	member->client = NULL;
}

/* ---- the workload's set-up ------------------------------------------------------- */

static void
setup_answered(void *arg, enum answer answer, const struct value *body)
{
	struct member *member = arg;
	struct cluster *cluster = member->cluster;
	struct buffer why = {0}, misfit = {0};

	if (answer == ANSWER_TIMEOUT) {
		buffer_printf(&why, "did not answer %s within %d ms", cluster->setup->request, CLIENT_TIMEOUT_MS);
	} else if (answer == ANSWER_ERROR || !rpc_fits(cluster->setup, body, &misfit)) {
		buffer_printf(&why, "answered %s with ", cluster->setup->request);
		json_write(&why, body);
		if (misfit.length > 0)
			buffer_printf(&why, ": %s", buffer_string(&misfit));
	}
	buffer_free(&misfit);
	if (why.length > 0)
		fail(member, &why);
	else if (--cluster->pending == 0 && !cluster->failed)
		cluster->events.ready(cluster->events.arg);
}

static void
set_up_workload(struct cluster *cluster)
{
	const struct test_options *o = cluster->options;
	const struct value *body = NULL;

	for (int i = 0; i < o->node_count; i++)
		cluster->members[i].client = client_open(cluster->loop, cluster->net, cluster->next_client);
	if (o->workload->setup != NULL)
		body = o->workload->setup(cluster->arena, o, &cluster->setup);
	cluster->pending = o->node_count;
	for (int i = 0; body != NULL && i < o->node_count; i++)
		client_request(cluster->members[i].client, o->nodes[i], cluster->arena, body, CLIENT_TIMEOUT_MS,
		    setup_answered, &cluster->members[i]);
	if (body == NULL)
		cluster->events.ready(cluster->events.arg);
}

/* ---- init ------------------------------------------------------------------------- */

/* Whether it is init_ok; if not, the cluster has failed. */
static bool
is_init_ok(struct member *member, enum answer answer, const struct value *body)
{
	struct buffer why = {0};

	if (answer == ANSWER_TIMEOUT) {
		buffer_printf(&why, "did not answer init within %d ms", INIT_TIMEOUT_MS);
	} else if (!value_is_string(value_get(body, "type"), "init_ok")) {
		buffer_append_string(&why, "answered init not with init_ok but with ");
		json_write(&why, body);
	}
	if (why.length == 0)
		return true;
	fail(member, &why);
	return false;
}

static void start_straggler(struct cluster *, int64_t delay_ms);

static void
init_answered(void *arg, enum answer answer, const struct value *body)
{
	struct member *member = arg;
	struct cluster *cluster = member->cluster;

	close_client(member);
	if (!is_init_ok(member, answer, body) || cluster->failed)
		return;
	if (cluster->pending-- == cluster->options->node_count)
		start_straggler(cluster, CLUSTER_BEHIND_MS);
	if (cluster->pending == 0)
		set_up_workload(cluster);
}

static const struct value *
init_body(struct cluster *cluster, const char *id)
{
	struct arena *arena = cluster->arena;
	struct value *body = value_collection(arena, VALUE_MAP), *ids = value_collection(arena, VALUE_VECTOR);

	for (int i = 0; i < cluster->options->node_count; i++)
		value_push(arena, ids, value_string(arena, cluster->options->nodes[i]));
	value_put_string(arena, body, "type", value_string(arena, "init"));
	value_put_string(arena, body, "node_id", value_string(arena, id));
	value_put_string(arena, body, "node_ids", ids);
	return body;
}

/* ---- starting ---------------------------------------------------------------------- */

static void disk_failed(void *arg);

static void
start_server(struct member *member, const char *id, struct buffer *error)
{
	struct cluster *cluster = member->cluster;
	struct server_events events = cluster->events.server;
	struct buffer path = {0};

	events.disk_failed = disk_failed;
	events.disk_arg = member;
	if (cluster->store != NULL)
		store_node_log(cluster->store, id, &path);
	if (cluster->options->command == COMMAND_TEST) {
		member->server = server_process(cluster->loop, cluster->net, cluster->options, id,
		    path.length > 0 ? buffer_string(&path) : NULL, &events, error);
	} else if (path.length > 0 && (member->log = fopen(buffer_string(&path), "w")) == NULL) {
		buffer_printf(error, "%s: %s", buffer_string(&path), strerror(errno));
	} else {
		member->server = server_inproc(cluster->loop, cluster->net, cluster->options, id, cluster->seed,
		    member->index, member->disk, member->log, &events, error);
	}
	buffer_free(&path);
}

static void
start_member(void *arg)
{
	struct member *member = arg;
	struct cluster *cluster = member->cluster;
	const char *id = cluster->options->nodes[member->index];
	struct buffer error = {0};

	if (cluster->failed)
		return;
	start_server(member, id, &error);
	if (member->server == NULL) {
		fail(member, &error);
		return;
	}
	buffer_free(&error);
	member->client = client_open(cluster->loop, cluster->net, cluster->next_client);
	client_request(
	    member->client, id, cluster->arena, init_body(cluster, id), INIT_TIMEOUT_MS, init_answered, member);
}

static void
straggle(void *arg)
{
	struct member *member = arg;

	member->cluster->straggler = 0;
	start_member(member);
}

/* It starts then, and not when it was to before. Not if it has started already, or there is only one node. */
static void
start_straggler(struct cluster *cluster, int64_t delay_ms)
{
	if (cluster->straggler == 0)
		return;
	loop_cancel(cluster->loop, cluster->straggler);
	cluster->straggler =
	    loop_after(cluster->loop, delay_ms * MS_NS, straggle, &cluster->members[cluster->options->node_count - 1]);
}

struct cluster *
cluster_start(struct loop *loop, struct net *net, const struct test_options *options, uint64_t seed, int *next_client,
    struct arena *arena, const struct store *store, const struct cluster_events *events)
{
	struct cluster *cluster = memory_zero(sizeof(*cluster));
	int64_t stagger = CLUSTER_STAGGER_MS * MS_NS;
	struct random random;

	cluster->members = memory_zero((size_t)options->node_count * sizeof(*cluster->members));
	cluster->loop = loop;
	cluster->net = net;
	cluster->options = options;
	cluster->seed = seed;
	cluster->next_client = next_client;
	cluster->arena = arena;
	cluster->store = store;
	cluster->events = *events;
	cluster->pending = options->node_count;
	random_seed(&random, seed, "cluster", 0);
	for (int i = 0; i < options->node_count; i++) {
		cluster->members[i] = (struct member){.cluster = cluster, .index = i};
		if (options->command != COMMAND_TEST)
			cluster->members[i].disk = disk_new(seed, i);
		if (i > 0 && i == options->node_count - 1)
			cluster->straggler = loop_after(loop, CLUSTER_WAIT_MS * MS_NS, straggle, &cluster->members[i]);
		else if (i > 0)
			loop_after(loop, (int64_t)random_below(&random, (uint64_t)stagger), start_member,
			    &cluster->members[i]);
	}
	cluster->services = services_start(loop, net, seed, stagger, start_member, &cluster->members[0]);
	return cluster;
}

struct server *
cluster_server(const struct cluster *cluster, int node)
{
	return cluster->members[node].server;
}

/* ---- starting again -------------------------------------------------------------------- */

static void init_answered_again(void *arg, enum answer, const struct value *body);

static void
close_again(struct member *member)
{
	client_close(member->again);
	member->again = NULL;
}

static void
begin_again(struct member *member)
{
	struct cluster *cluster = member->cluster;
	const char *id = cluster->options->nodes[member->index];
	struct buffer error = {0};

	member->dead = member->paused = member->stalled = member->overdue = false;
	if (!server_revive(member->server, &error)) {
		member->dead = true;
		fail(member, &error);
		return;
	}
	member->again = client_open(cluster->loop, cluster->net, cluster->next_client);
	client_request(
	    member->again, id, cluster->arena, init_body(cluster, id), INIT_TIMEOUT_MS, init_answered_again, member);
}

/* What a pause kept from answering init in time is no failure of its own. */
static void
start_over(struct member *member)
{
	server_kill(member->server);
	begin_again(member);
}

static void
init_answered_again(void *arg, enum answer answer, const struct value *body)
{
	struct member *member = arg;

	close_again(member);
	if (answer == ANSWER_TIMEOUT && member->paused)
		member->overdue = true;
	else if (answer == ANSWER_TIMEOUT && member->stalled)
		start_over(member);
	else if (is_init_ok(member, answer, body) && member->revived != NULL)
		member->revived(member->revived_arg);
}

/* ---- disks and clocks ------------------------------------------------------------------ */

static void
restart(void *arg)
{
	struct member *member = arg;

	member->restart = 0;
	begin_again(member);
}

static void
disk_failed(void *arg)
{
	struct member *member = arg;

	close_again(member);
	member->dead = true;
	member->restart = loop_after(member->cluster->loop, CLUSTER_RESTART_MS * MS_NS, restart, member);
}

static void
cancel_restart(struct member *member)
{
	loop_cancel(member->cluster->loop, member->restart);
	member->restart = 0;
}

void
cluster_disturb_disk(struct cluster *cluster, int node, int permille, int64_t sync_ms)
{
	struct member *member = &cluster->members[node];

	disk_disturb(member->disk, permille, sync_ms);
	if (member->restart == 0 || permille > 0)
		return;
	cancel_restart(member);
	begin_again(member);
}

void
cluster_disturb_clocks(struct cluster *cluster, int node, int64_t jump_ms, int64_t drift_ppm)
{
	server_disturb_clocks(cluster->members[node].server, jump_ms, drift_ppm);
}

/* ---- kills and pauses ---------------------------------------------------------------- */

bool
cluster_kill(struct cluster *cluster, int node)
{
	struct member *member = &cluster->members[node];

	if (member->restart != 0) {
		cancel_restart(member);
		return true;
	}
	if (member->dead)
		return false;
	close_again(member);
	server_kill(member->server);
	return member->dead = true;
}

bool
cluster_revive(struct cluster *cluster, int node, loop_fn *revived, void *arg)
{
	struct member *member = &cluster->members[node];

	if (!member->dead)
		return false;
	cancel_restart(member);
	member->revived = revived;
	member->revived_arg = arg;
	begin_again(member);
	return true;
}

bool
cluster_pause(struct cluster *cluster, int node)
{
	struct member *member = &cluster->members[node];

	if (member->dead || member->paused)
		return false;
	server_pause(member->server);
	member->stalled = true;
	return member->paused = true;
}

bool
cluster_resume(struct cluster *cluster, int node)
{
	struct member *member = &cluster->members[node];

	if (member->dead || !member->paused)
		return false;
	member->paused = false;
	if (member->overdue)
		start_over(member);
	else
		server_resume(member->server);
	return true;
}

/* ---- the end --------------------------------------------------------------------------- */

void
cluster_stop(struct cluster *cluster)
{
	if (cluster == NULL)
		return;
	for (int i = 0; i < cluster->options->node_count; i++) {
		struct member *member = &cluster->members[i];

		if (member->server != NULL)
			server_stop(member->server);
		close_client(member);
		close_again(member);
		cancel_restart(member);
		disk_free(member->disk);
		if (member->log != NULL)
			fclose(member->log);
	}
	services_stop(cluster->services);
	free(cluster->members);
	free(cluster);
}
