/*
 * Maelstrom's services, one small state machine each, as endpoints of the
 * network. What maelstrom.service does by comparing whole stores is decided
 * here by what a request would change.
 */
#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <sys/tree.h>

#include "encode.h"
#include "memory.h"
#include "random.h"
#include "states.h"
#include "value.h"

#define SEQ_STATES   32 /* that seq-kv remembers */
#define LWW_REPLICAS 2

/* What one store may hold; a write beyond is refused with error 11. */
#define SERVICE_BYTES_MAX ((size_t)1 << 30)

/* Maelstrom's error codes. */
enum { CODE_UNAVAILABLE = 11, CODE_NO_KEY = 20, CODE_PRECONDITION = 22 };

/* ---- requests and answers ------------------------------------------------ */

/* A request's parts, as canonical text; what is missing is null. */
struct ask {
	struct arena arena; /* of the body and what is made of it */
	const char *client;
	const struct value *type, *id, *wanted; /* wanted: a cas's from */
	struct buffer key, value, from, to;
	bool create; /* create_if_not_exists */
};

/* What becomes of a request. */
enum outcome {
	OUTCOME_NONE,   /* not understood: no answer, no effect */
	OUTCOME_ANSWER, /* the state stays equal */
	OUTCOME_CHANGE, /* a value is put under the key */
};

struct service;

/* Writes an answer's body, but for its end; false: there is none. */
typedef bool service_fn(struct service *, struct ask *, struct buffer *answer);

/* How far a client of seq-kv has seen. */
struct viewer {
	RB_ENTRY(viewer) entry;
	int64_t state;
	char *id;
};

RB_HEAD(viewer_tree, viewer);

struct service {
	const struct service_kind *kind;
	struct services *services;
	struct endpoint *endpoint; /* NULL: not registered yet */
	uint64_t event;            /* its registration */
	struct random random;
	struct states stores[LWW_REPLICAS];
	struct viewer_tree viewers; /* seq-kv's */
	int64_t timestamp;          /* lin-tso's next */
};

struct service_kind {
	const char *name;
	service_fn *handle;
	int stores, states;
};

static const struct value *
field(const struct value *body, const char *name)
{
	const struct value *value = value_get(body, name);

	return value != NULL ? value : &value_nil;
}

static void
canonical(struct buffer *text, const struct value *value)
{
	text->length = 0;
	canonical_write(text, value);
}

static enum outcome
answer_error(struct buffer *answer, int code, const char *text, size_t length)
{
	buffer_printf(answer, "{\"type\":\"error\",\"code\":%d,\"text\":", code);
	encode_string(answer, text, length);
	return OUTCOME_ANSWER;
}

/* ---- a key-value store at one of its states ------------------------------- */

/* A value that a state holds. */
struct held {
	const char *text;
	size_t length;
};

static bool
equals(struct held held, const struct buffer *text)
{
	return held.length == text->length && memcmp(held.text, text->bytes, held.length) == 0;
}

static enum outcome
no_key(struct buffer *answer)
{
	static const char text[] = "key does not exist";

	return answer_error(answer, CODE_NO_KEY, text, sizeof(text) - 1);
}

static enum outcome
kv_read(struct held held, struct buffer *answer)
{
	buffer_append_string(answer, "{\"type\":\"read_ok\",\"value\":");
	buffer_append(answer, held.text, held.length);
	return OUTCOME_ANSWER;
}

static enum outcome
not_as_wanted(struct held held, struct ask *ask, struct buffer *answer)
{
	const char *cursor = held.text, *error;
	const struct value *value = json_read(&ask->arena, &cursor, held.text + held.length, &error);
	struct buffer text = {0};

	buffer_append_string(&text, "current value ");
	edn_write(&text, value != NULL ? value : &value_nil);
	buffer_append_string(&text, " is not ");
	edn_write(&text, ask->wanted);
	answer_error(answer, CODE_PRECONDITION, text.bytes, text.length);
	buffer_free(&text);
	return OUTCOME_ANSWER;
}

/* maelstrom.service/PersistentKV at one state. *put is what a change puts under the key. */
static enum outcome
kv_handle(const struct states *states, int64_t state, struct ask *ask, struct buffer *answer, const struct buffer **put)
{
	struct held held;
	bool exists = states_find(states, state, &ask->key, &held.text, &held.length);

	answer->length = 0;
	if (value_is_string(ask->type, "read"))
		return exists ? kv_read(held, answer) : no_key(answer);
	if (value_is_string(ask->type, "write")) {
		*put = &ask->value;
		buffer_append_string(answer, "{\"type\":\"write_ok\"");
	} else if (value_is_string(ask->type, "cas")) {
		*put = &ask->to;
		if (!exists && !ask->create)
			return no_key(answer);
		if (exists && !equals(held, &ask->from))
			return not_as_wanted(held, ask, answer);
		buffer_append_string(answer, "{\"type\":\"cas_ok\"");
	} else
		return OUTCOME_NONE;
	return exists && equals(held, *put) ? OUTCOME_ANSWER : OUTCOME_CHANGE;
}

/* Makes the newest state; refuses what would be too much. */
static void
kv_put(struct states *states, const struct ask *ask, const struct buffer *put, struct buffer *answer)
{
	static const char full[] = "the service is full";

	if (states->bytes + ask->key.length + put->length > SERVICE_BYTES_MAX) {
		answer->length = 0;
		answer_error(answer, CODE_UNAVAILABLE, full, sizeof(full) - 1);
		return;
	}
	states_change(states, &ask->key, put);
}

static bool
kv_newest(struct states *states, struct ask *ask, struct buffer *answer)
{
	const struct buffer *put = NULL;
	enum outcome outcome = kv_handle(states, states->last, ask, answer, &put);

	if (outcome == OUTCOME_CHANGE)
		kv_put(states, ask, put, answer);
	return outcome != OUTCOME_NONE;
}

/* ---- lin-kv, lww-kv, lin-tso ---------------------------------------------- */

static bool
lin_kv(struct service *service, struct ask *ask, struct buffer *answer)
{
	return kv_newest(&service->stores[0], ask, answer);
}

/*
 * A random replica answers. maelstrom.service/Eventual merges two of them at
 * each request, too, but then goes on with those from before the merge: what
 * one replica was told the other never learns, and neither does it here.
 */
static bool
lww_kv(struct service *service, struct ask *ask, struct buffer *answer)
{
	ask->create = false;
	return kv_newest(&service->stores[random_below(&service->random, LWW_REPLICAS)], ask, answer);
}

static bool
lin_tso(struct service *service, struct ask *ask, struct buffer *answer)
{
	if (!value_is_string(ask->type, "ts"))
		return false;
	buffer_printf(answer, "{\"type\":\"ts_ok\",\"ts\":%lld", (long long)service->timestamp++);
	return true;
}

/* ---- seq-kv --------------------------------------------------------------- */

static int
viewer_compare(const struct viewer *a, const struct viewer *b)
{
	return strcmp(a->id, b->id);
}

RB_GENERATE_INTERNAL(viewer_tree, viewer, entry, viewer_compare, static __attribute__((unused)))

/* Who has not asked yet has seen the first state. */
static struct viewer *
viewer_of(struct service *service, const char *id)
{
	struct viewer *viewer = RB_ROOT(&service->viewers);
	int order;

	while (viewer != NULL && (order = strcmp(id, viewer->id)) != 0)
		viewer = order < 0 ? RB_LEFT(viewer, entry) : RB_RIGHT(viewer, entry);
	if (viewer != NULL)
		return viewer;
	viewer = memory_zero(sizeof(*viewer));
	viewer->id = memory_copy(id, strlen(id));
	RB_INSERT(viewer_tree, &service->viewers, viewer);
	return viewer;
}

/*
 * maelstrom.service/Sequential. A request picks a state between what its
 * client last saw and the newest. Where it would change that one, it is done
 * on the newest instead, which makes a new state even if it changes nothing
 * there. The ring is indexed modulo its length, so that a pick of a state it
 * has forgotten gets a later one.
 */
static bool
seq_kv(struct service *service, struct ask *ask, struct buffer *answer)
{
	struct states *states = &service->stores[0];
	struct viewer *viewer = viewer_of(service, ask->client);
	const struct buffer *put = NULL;
	int64_t picked, shown;

	picked = viewer->state + (int64_t)random_below(&service->random, (uint64_t)(states->last - viewer->state) + 1);
	shown = states->last - (states->last - picked) % SEQ_STATES;
	switch (kv_handle(states, shown, ask, answer, &put)) {
	case OUTCOME_NONE:
		return false;
	case OUTCOME_ANSWER:
		viewer->state = picked;
		return true;
	case OUTCOME_CHANGE:
		break;
	}
	if (kv_handle(states, states->last, ask, answer, &put) == OUTCOME_CHANGE)
		kv_put(states, ask, put, answer);
	else
		states_repeat(states);
	viewer->state = states->last;
	return true;
}

/* ---- as endpoints --------------------------------------------------------- */

static const struct service_kind kinds[] = {
    {"lin-kv", lin_kv, 1, 1},
    {"lin-tso", lin_tso, 0, 0},
    {"lww-kv", lww_kv, LWW_REPLICAS, 1},
    {"seq-kv", seq_kv, 1, SEQ_STATES},
};
#define SERVICES (sizeof(kinds) / sizeof(kinds[0]))

struct services {
	struct loop *loop;
	struct net *net;
	struct service services[SERVICES];
	size_t registered;
	loop_fn *ready;
	void *arg;
	struct ask ask; /* the current one, its buffers kept */
	struct buffer answer;
};

static void
ask_read(struct ask *ask, const struct envelope *envelope, const struct value *body)
{
	const struct value *create = field(body, "create_if_not_exists");

	ask->client = envelope->src;
	ask->type = field(body, "type");
	ask->id = field(body, "msg_id");
	ask->wanted = field(body, "from");
	canonical(&ask->key, field(body, "key"));
	canonical(&ask->value, field(body, "value"));
	canonical(&ask->from, ask->wanted);
	canonical(&ask->to, field(body, "to"));
	ask->create = create->type != VALUE_NIL && (create->type != VALUE_BOOL || create->boolean);
}

static bool
deliver(void *arg, const struct envelope *envelope)
{
	struct service *service = arg;
	struct services *all = service->services;
	const char *cursor = envelope->body, *error;
	const struct value *body;

	body = json_read(&all->ask.arena, &cursor, envelope->body + envelope->length, &error);
	all->answer.length = 0;
	if (body != NULL)
		ask_read(&all->ask, envelope, body);
	if (body != NULL && service->kind->handle(service, &all->ask, &all->answer)) {
		buffer_append_string(&all->answer, ",\"in_reply_to\":");
		json_write(&all->answer, all->ask.id);
		buffer_append_char(&all->answer, '}');
		/* To whom has left meanwhile, it is not sent. */
		net_send(all->net, service->kind->name, envelope->src, all->answer.bytes, all->answer.length);
	}
	arena_free(&all->ask.arena);
	return true;
}

/* ---- beginning and end ---------------------------------------------------- */

static void
service_register(void *arg)
{
	struct service *service = arg;
	struct services *all = service->services;

	service->event = 0;
	service->endpoint = net_add(all->net, service->kind->name, deliver, service);
	if (++all->registered == SERVICES && all->ready != NULL)
		all->ready(all->arg);
}

struct services *
services_start(struct loop *loop, struct net *net, uint64_t seed, int64_t stagger_ns, loop_fn *ready, void *arg)
{
	struct services *all = memory_zero(sizeof(*all));

	all->loop = loop;
	all->net = net;
	all->ready = ready;
	all->arg = arg;
	for (size_t i = 0; i < SERVICES; i++) {
		struct service *service = &all->services[i];
		int64_t delay = 0;

		service->kind = &kinds[i];
		service->services = all;
		RB_INIT(&service->viewers);
		random_seed(&service->random, seed, kinds[i].name, 0);
		for (int j = 0; j < kinds[i].stores; j++)
			states_init(&service->stores[j], kinds[i].states);
		if (stagger_ns > 0)
			delay = (int64_t)random_below(&service->random, (uint64_t)stagger_ns + 1);
		service->event = loop_after(loop, delay, service_register, service);
	}
	return all;
}

static void
service_end(struct service *service)
{
	struct viewer *viewer, *next;

	loop_cancel(service->services->loop, service->event);
	if (service->endpoint != NULL)
		net_remove(service->services->net, service->endpoint);
	for (int i = 0; i < service->kind->stores; i++)
		states_free(&service->stores[i]);
	RB_FOREACH_SAFE (viewer, viewer_tree, &service->viewers, next) {
		RB_REMOVE(viewer_tree, &service->viewers, viewer);
		free(viewer->id);
		free(viewer);
	}
}

void
services_stop(struct services *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < SERVICES; i++)
		service_end(&all->services[i]);
	buffer_free(&all->ask.key);
	buffer_free(&all->ask.value);
	buffer_free(&all->ask.from);
	buffer_free(&all->ask.to);
	buffer_free(&all->answer);
	arena_free(&all->ask.arena);
	free(all);
}
