/*
 * Every node, and everything that can come to it: a small cluster of it, whose
 * messages are delivered, in whatever order, twice, not at all or with a place
 * in them changed; clients' requests; answers of services; lines of anybody;
 * time that passes; and kills. Nothing that comes by the network may end a
 * node, except by its own word, and what it has stored it must take again.
 *
 * An input's first byte chooses the node, its second one how many there are
 * and whether they have disks; then come steps (enum step), each of a byte and
 * what it draws.
 */
#include "cluster.h"
#include "mutate.h"

#define STEPS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* ---- what is sent ---------------------------------------------------------------------- */

static const char *
draw_type(struct input *input, const struct program *program)
{
	unsigned count = 0;

	while (program->routes[count].type != NULL)
		count++;
	return program->routes[draw(input, count)].type;
}

static json_t *
draw_transaction(struct input *input)
{
	static const char *const functions[] = {"r", "w", "append", "r"};
	json_t *txn = json_array();

	for (unsigned i = draw(input, 5); i > 0; i--) {
		const char *f = functions[draw(input, 4)];
		json_t *value = f[0] == 'r' ? json_null() : json_integer(draw(input, 256));

		json_array_append_new(txn, json_pack("[s, i, o]", f, (int)draw(input, 4), value));
	}
	return txn;
}

/* One body fits every type of every workload. */
static json_t *
request_body(struct input *input, const char *type, int id)
{
	json_t *body = json_pack("{s:s, s:i, s:o, s:{s:i, s:i}, s:[s, s], s:{s:[s], s:[s, s], s:[s]}}", "type", type,
	    "msg_id", id, "txn", draw_transaction(input), "offsets", "k0", (int)draw(input, 4), "k1",
	    (int)draw(input, 4), "keys", "k0", "k1", "topology", "n0", "n1", "n1", "n0", "n2", "n2", "n1");
	json_t *key = json_integer(draw(input, 3)), *value = draw_value(input);

	json_object_set(body, "key", strcmp(type, "send") == 0 ? json_object_get(body, "type") : key);
	if (strcmp(type, "send") == 0)
		json_object_set_new(body, "key", json_string(draw(input, 2) == 0 ? "k0" : "k1"));
	json_object_set(body, "echo", value);
	json_object_set(body, "message", value);
	json_object_set(body, "element", value);
	json_object_set(body, "msg", value);
	json_object_set(body, "value", value);
	json_object_set_new(body, "delta", json_integer((int)draw(input, 256) - 64));
	json_object_set_new(body, "from", draw_value(input));
	json_object_set_new(body, "to", draw_value(input));
	json_decref(key);
	json_decref(value);
	return body;
}

static const char *
draw_address(struct input *input)
{
	static const char *const addresses[] = {
	    "n0", "n1", "n2", "c1", "c2", "lin-kv", "seq-kv", "lww-kv", "lin-tso", "n9", "x"};

	return addresses[draw(input, sizeof(addresses) / sizeof(addresses[0]))];
}

/* ---- steps -------------------------------------------------------------------------------- */

enum step {
	STEP_REQUEST, /* of a client */
	STEP_ODD_REQUEST,
	STEP_DELIVER,
	STEP_DELIVER_ALL,
	STEP_REPEAT,
	STEP_CHANGE,     /* and deliver; what is changed is a copy, and the message itself is still on the way */
	STEP_CHANGE_ALL, /* a copy of each */
	STEP_LOSE,
	STEP_TIME,
	STEP_LINE, /* the rest of the input, up to a newline, is a line */
	STEP_BODY, /* the same of a body */
	STEP_KILL,
	STEP_INIT,
	STEPS,
};

static void
request(struct cluster *cluster, struct input *input, int id, bool odd)
{
	struct member *member = &cluster->members[draw(input, (unsigned)cluster->count)];
	const char *src = odd ? draw_address(input) : "c1", *type = draw_type(input, cluster->program);
	json_t *body = request_body(input, type, id), *packet;

	if (odd)
		mutate(input, body);
	packet = json_pack("{s:s, s:s, s:o}", "src", src, "dest", "n0", "body", body);
	member_say(member, packet);
	json_decref(packet);
}

static void
deliver_one(struct cluster *cluster, struct input *input, enum step step)
{
	size_t at;
	json_t *packet;

	if (cluster->packet_count == 0)
		return;
	at = draw(input, (unsigned)cluster->packet_count);
	packet = step == STEP_REPEAT ? json_deep_copy(cluster->packets[at]) : packet_take(cluster, at);
	if (step != STEP_LOSE)
		deliver(cluster, json_string_value(json_object_get(packet, "dest")), packet);
	json_decref(packet);
}

/* In its body, as a rule; and now and then elsewhere or twice. */
static void
deliver_changed(struct cluster *cluster, struct input *input, const json_t *original)
{
	json_t *packet = json_deep_copy(original);
	char *dest = memory_copy(json_string_value(json_object_get(original, "dest")),
	    json_string_length(json_object_get(original, "dest")));
	unsigned where = draw(input, 8);

	if (where > 0)
		mutate(input, json_object_get(packet, "body"));
	if (where < 2)
		mutate(input, packet);
	deliver(cluster, dest, packet);
	free(dest);
	json_decref(packet);
}

/* What comes meanwhile is not changed. */
static void
change(struct cluster *cluster, struct input *input, bool all)
{
	size_t count = cluster->packet_count, at = 0;

	if (count == 0)
		return;
	if (!all) {
		at = draw(input, (unsigned)count);
		count = at + 1;
	}
	for (; at < count && input->length > 0; at++)
		deliver_changed(cluster, input, cluster->packets[at]);
}

/* Those that are on the way now, in order. */
static void
deliver_all(struct cluster *cluster)
{
	struct input none = {0};

	for (size_t i = cluster->packet_count; i > 0; i--)
		deliver_one(cluster, &none, STEP_DELIVER);
}

static void
say_line(struct cluster *cluster, struct input *input, bool is_body)
{
	struct member *member = &cluster->members[draw(input, (unsigned)cluster->count)];
	const char *src = draw_address(input), *end;
	struct buffer line = {0};
	size_t length;

	end = input->length > 0 ? memchr(input->bytes, '\n', input->length) : NULL;
	length = end != NULL ? (size_t)(end - (const char *)input->bytes) : input->length;
	if (is_body)
		buffer_printf(&line, "{\"src\":\"%s\",\"dest\":\"n0\",\"body\":", src);
	buffer_append(&line, input->bytes, length);
	if (is_body)
		buffer_append_char(&line, '}');
	member_turn(member, line.bytes, line.length);
	input->bytes += length;
	input->length -= length;
	draw(input, 256); /* the newline */
	buffer_free(&line);
}

static void
do_step(struct cluster *cluster, struct input *input, int id)
{
	static const int64_t times[] = {0, 1, 10, 50, 100, 200, 300, 499, 501, 1000, 2000, 5000};
	enum step step = draw(input, STEPS);
	struct member *member;

	switch (step) {
	case STEP_REQUEST:
	case STEP_ODD_REQUEST:
		request(cluster, input, id, step == STEP_ODD_REQUEST);
		break;
	case STEP_TIME:
		pass_time(cluster, times[draw(input, sizeof(times) / sizeof(times[0]))]);
		break;
	case STEP_DELIVER_ALL:
		deliver_all(cluster);
		break;
	case STEP_CHANGE:
	case STEP_CHANGE_ALL:
		change(cluster, input, step == STEP_CHANGE_ALL);
		break;
	case STEP_LINE:
	case STEP_BODY:
		say_line(cluster, input, step == STEP_BODY);
		break;
	case STEP_KILL:
	case STEP_INIT:
		member = &cluster->members[draw(input, (unsigned)cluster->count)];
		if (step == STEP_KILL)
			member_again(member);
		else
			member_init(member);
		break;
	default:
		deliver_one(cluster, input, step);
	}
}

/* ---- the target -------------------------------------------------------------------------------- */

/* Each option as it is, or one of its bounds. */
static void
choose_options(struct cluster *cluster, struct input *input)
{
	const struct option_spec *option = cluster->program->options;

	for (; option != NULL && option->name != NULL; option++) {
		unsigned choice = draw(input, 4);
		struct buffer text = {0};

		if (option->type == OPTION_FLAG && choice % 2 == 1)
			buffer_printf(&text, "--%s", option->name);
		else if (option->type == OPTION_INT && choice > 1)
			buffer_printf(
			    &text, "--%s=%lld", option->name, (long long)(choice == 2 ? option->min : option->max));
		if (text.length > 0)
			cluster_arg(cluster, buffer_string(&text));
		buffer_free(&text);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = {bytes, length};
	struct cluster cluster;
	unsigned shape;

	if (length < 3)
		return 0;
	cluster_begin(&cluster, nth_program(draw(&input, 256)), 1 + (int)((shape = draw(&input, 256)) % NODES_MAX));
	if (shape & 64)
		cluster_arg(&cluster, "--data-dir=d");
	if (shape & 128)
		choose_options(&cluster, &input);
	for (int i = 0; i < cluster.count; i++) {
		member_begin(&cluster.members[i]);
		if (shape & 32)
			member_init(&cluster.members[i]);
	}
	for (int i = 0; i < STEPS_MAX && input.length > 0; i++)
		do_step(&cluster, &input, 2 + i);
	cluster_end(&cluster);
	return 0;
}
