/*
 * A few nodes of one program, as a host drives them, with their disks, the
 * services that they use, and their messages on the way: for fuzz targets,
 * which decide what becomes of these. Included by one target.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "host.h"
#include "memory.h"
#include "registry.h"

#define NODES_MAX   3
#define ARGS_MAX    16
#define PACKETS_MAX 64  /* on their way; what is more is lost */
#define TURNS_MAX   100 /* in one stretch of time: it is cheap, but not free */
#define BEGIN_MS    1000

#define UNUSED __attribute__((unused))

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

struct cluster;

struct member {
	struct cluster *cluster;
	struct node *node;
	struct disk *disk;
	bool dead; /* it has failed, and said why */
	uint64_t draws;
};

struct cluster {
	const struct program *program;
	char *args[ARGS_MAX + 1]; /* owned */
	int arg_count;
	struct member members[NODES_MAX];
	int count;
	int64_t now_ms;
	json_t *packets[PACKETS_MAX];
	size_t packet_count;
	json_t *stored; /* of the services, by service and key */
	json_int_t timestamp;
	uint64_t said; /* a hash over every line of every node */
};

/* Whether a node runs now: what is allocated is its own. */
static bool in_node;

/* ---- what a node asks of its host ------------------------------------------------------ */

static int64_t
host_wall_ms(void *arg)
{
	return 1700000000000 + ((struct member *)arg)->cluster->now_ms;
}

/* splitmix64 of a counter. */
static uint64_t
host_random(void *arg)
{
	struct member *member = arg;
	uint64_t z = (++member->draws * NODES_MAX + (uint64_t)(member - member->cluster->members)) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void
host_log(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	check(strchr(line, '\n') == NULL);
}

static bool
host_load(void *arg, const char *dir, const char *id, struct buffer *bytes)
{
	(void)dir;
	(void)id;
	disk_load(((struct member *)arg)->disk, bytes);
	return true;
}

static const struct host host = {host_wall_ms, host_random, host_log, NULL, host_load};

/* ---- what it says ------------------------------------------------------------------------ */

static UNUSED int
member_index(const struct cluster *cluster, const char *id)
{
	int index = id[0] == 'n' && id[1] >= '0' && id[1] <= '9' && id[2] == '\0' ? id[1] - '0' : -1;

	return index < cluster->count ? index : -1;
}

static bool
is_service(const char *id)
{
	return strcmp(id, "lin-kv") == 0 || strcmp(id, "seq-kv") == 0 || strcmp(id, "lww-kv") == 0 ||
	       strcmp(id, "lin-tso") == 0;
}

/* Steals it. */
static void
packet_put(struct cluster *cluster, json_t *packet)
{
	if (cluster->packet_count < PACKETS_MAX)
		cluster->packets[cluster->packet_count++] = packet;
	else
		json_decref(packet);
}

/* A message it must be, and what it says to clients goes nowhere. */
static void
take_line(struct cluster *cluster, const char *line, size_t length)
{
	json_t *packet = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
	const char *dest = json_string_value(json_object_get(packet, "dest"));

	for (size_t i = 0; i < length; i++)
		cluster->said = (cluster->said ^ (uint8_t)line[i]) * 0x100000001b3; /* FNV-1a */
	check(json_object_size(packet) == 3 && json_is_string(json_object_get(packet, "src")) && dest != NULL);
	check(json_is_string(json_object_get(json_object_get(packet, "body"), "type")));
	if (member_index(cluster, dest) >= 0 || is_service(dest))
		packet_put(cluster, packet);
	else
		json_decref(packet);
}

static void
take_output(struct member *member)
{
	struct buffer *output = node_output(member->node);
	size_t at = 0;

	while (at < output->length) {
		const char *end = memchr(output->bytes + at, '\n', output->length - at);

		check(end != NULL);
		take_line(member->cluster, output->bytes + at, (size_t)(end - output->bytes) - at);
		at = (size_t)(end - output->bytes) + 1;
	}
	buffer_consume(output, at);
}

/* ---- turns --------------------------------------------------------------------------------- */

/* One turn; `line` may be NULL. */
static void
member_turn(struct member *member, const char *line, size_t length)
{
	if (member->dead)
		return;
	in_node = true;
	node_turn(member->node, member->cluster->now_ms);
	if (line != NULL)
		node_receive(member->node, line, length);
	in_node = false;
	if (node_has_failed(member->node)) {
		member->dead = true;
		return;
	}
	if (node_storing(member->node) != NULL) {
		disk_store(member->disk, node_storing(member->node));
		node_has_stored(member->node);
	}
	take_output(member);
}

static void
member_say(struct member *member, const json_t *packet)
{
	char *line = json_dumps(packet, JSON_COMPACT);

	if (line != NULL)
		member_turn(member, line, strlen(line));
	free(line);
}

/* The first one whose time comes within that time; NULL if there is none. */
static struct member *
next_due(struct cluster *cluster, int64_t until)
{
	struct member *next = NULL;

	for (int i = 0; i < cluster->count; i++) {
		struct member *member = &cluster->members[i];

		if (!member->dead && node_due(member->node) <= until &&
		    (next == NULL || node_due(member->node) < node_due(next->node)))
			next = member;
	}
	return next;
}

static UNUSED void
pass_time(struct cluster *cluster, int64_t ms)
{
	int64_t until = cluster->now_ms + ms;
	struct member *member;

	for (int i = 0; i < TURNS_MAX && (member = next_due(cluster, until)) != NULL; i++) {
		if (node_due(member->node) > cluster->now_ms)
			cluster->now_ms = node_due(member->node);
		member_turn(member, NULL, 0);
	}
	cluster->now_ms = until;
	for (int i = 0; i < cluster->count; i++)
		member_turn(&cluster->members[i], NULL, 0);
}

/* ---- services --------------------------------------------------------------------------------- */

static json_t *
service_error(int code)
{
	return json_pack("{s:s, s:i, s:s}", "type", "error", "code", code, "text", "as it is");
}

static json_t *
service_cas(struct cluster *cluster, const char *name, const json_t *standing, json_t *body)
{
	json_t *to = json_object_get(body, "to");

	if (to == NULL)
		return service_error(12);
	if (standing == NULL && !json_is_true(json_object_get(body, "create_if_not_exists")))
		return service_error(20);
	if (standing != NULL && !json_equal(standing, json_object_get(body, "from")))
		return service_error(22);
	json_object_set(cluster->stored, name, to);
	return json_pack("{s:s}", "type", "cas_ok");
}

static json_t *
service_do(struct cluster *cluster, const char *name, json_t *body)
{
	const char *type = json_string_value(json_object_get(body, "type"));
	json_t *standing = json_object_get(cluster->stored, name), *value = json_object_get(body, "value");

	if (strcmp(type, "ts") == 0)
		return json_pack("{s:s, s:I}", "type", "ts_ok", "ts", cluster->timestamp++);
	if (strcmp(type, "read") == 0)
		return standing != NULL ? json_pack("{s:s, s:O}", "type", "read_ok", "value", standing)
					: service_error(20);
	if (strcmp(type, "cas") == 0)
		return service_cas(cluster, name, standing, body);
	if (strcmp(type, "write") != 0 || value == NULL)
		return service_error(12);
	json_object_set(cluster->stored, name, value);
	return json_pack("{s:s}", "type", "write_ok");
}

/* The service does what it is asked, and its answer is on the way. */
static void
service_serve(struct cluster *cluster, const char *service, const json_t *packet)
{
	json_t *body = json_object_get(packet, "body"), *reply;
	char *key = json_dumps(json_object_get(body, "key"), JSON_ENCODE_ANY | JSON_SORT_KEYS);
	struct buffer name = {0};

	buffer_printf(&name, "%s %s", service, key != NULL ? key : "");
	reply = service_do(cluster, buffer_string(&name), body);
	json_object_set(reply, "in_reply_to", json_object_get(body, "msg_id"));
	packet_put(cluster,
	    json_pack("{s:s, s:O, s:o}", "src", service, "dest", json_object_get(packet, "src"), "body", reply));
	free(key);
	buffer_free(&name);
}

/* ---- delivery ----------------------------------------------------------------------------------- */

static UNUSED json_t *
packet_take(struct cluster *cluster, size_t i)
{
	json_t *packet = cluster->packets[i];

	cluster->packet_count--;
	memmove(
	    &cluster->packets[i], &cluster->packets[i + 1], (cluster->packet_count - i) * sizeof(cluster->packets[0]));
	return packet;
}

/* To `dest`, whatever stands in the packet itself by now. */
static UNUSED void
deliver(struct cluster *cluster, const char *dest, const json_t *packet)
{
	int index = member_index(cluster, dest);

	if (index >= 0)
		member_say(&cluster->members[index], packet);
	else if (is_service(dest) && json_is_string(json_object_get(json_object_get(packet, "body"), "type")) &&
		 json_is_string(json_object_get(packet, "src")))
		service_serve(cluster, dest, packet);
}

/* ---- beginning and end ----------------------------------------------------------------------------- */

static UNUSED void
cluster_arg(struct cluster *cluster, const char *text)
{
	check(cluster->arg_count < ARGS_MAX);
	cluster->args[cluster->arg_count++] = memory_copy(text, strlen(text));
}

static void
cluster_begin(struct cluster *cluster, const struct program *program, int count)
{
	*cluster = (struct cluster){.program = program, .count = count, .now_ms = BEGIN_MS, .timestamp = 1};
	cluster->stored = json_object();
	cluster_arg(cluster, program->name);
	for (int i = 0; i < count; i++)
		cluster->members[i] = (struct member){.cluster = cluster, .disk = disk_new(1, i)};
}

static void
member_init(struct member *member)
{
	struct cluster *cluster = member->cluster;
	json_t *ids = json_array(), *packet;
	char id[16];

	for (int i = 0; i < cluster->count; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		json_array_append_new(ids, json_string(id));
	}
	snprintf(id, sizeof(id), "n%d", (int)(member - cluster->members));
	packet = json_pack("{s:s, s:s, s:{s:s, s:i, s:s, s:o}}", "src", "c0", "dest", id, "body", "type", "init",
	    "msg_id", 1, "node_id", id, "node_ids", ids);
	member_say(member, packet);
	json_decref(packet);
}

/* A life, without init. */
static void
member_begin(struct member *member)
{
	struct cluster *cluster = member->cluster;
	struct buffer text = {0};
	bool configured;

	in_node = true;
	member->node = node_new(cluster->program, &host, member);
	member->dead = false;
	configured = node_configure(member->node, cluster->arg_count, cluster->args, &text) == CONFIGURE_OK;
	in_node = false;
	check(configured);
	buffer_free(&text);
	member_turn(member, NULL, 0);
}

static void
member_end(struct member *member)
{
	in_node = true;
	node_free(member->node);
	in_node = false;
}

/* It is killed, and begins anew. What it has itself written it must take. */
static UNUSED void
member_again(struct member *member)
{
	bool failed = member->dead;

	disk_crash(member->disk);
	member_end(member);
	member_begin(member);
	member_init(member);
	check(failed || !member->dead);
}

static void
cluster_end(struct cluster *cluster)
{
	for (int i = 0; i < cluster->count; i++) {
		member_end(&cluster->members[i]);
		disk_free(cluster->members[i].disk);
	}
	for (size_t i = 0; i < cluster->packet_count; i++)
		json_decref(cluster->packets[i]);
	for (int i = 0; i < cluster->arg_count; i++)
		free(cluster->args[i]);
	json_decref(cluster->stored);
}

/* Of the correct ones. */
static UNUSED const struct program *
nth_program(unsigned n)
{
	unsigned count = 0;

	while (registry[count].name != NULL && strncmp(registry[count].name, "broken:", 7) != 0)
		count++;
	assert(count > 0);
	return registry[n % count].program;
}

#endif
