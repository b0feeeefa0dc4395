/* Persistent maps: what they hold, that old ones stay, and what an odd service does to them. */
#include "fake_host.h"

#include <stdlib.h>

#include "kv.h"
#include "pages.h"

#define KEYS 500 /* several levels of pages */

static const struct program program = {.name = "pages"};

/* lin-kv, as far as pages need it. */
struct service {
	json_t *values;
	int reads, writes;
	bool silent;
};

struct world {
	struct fake fake;
	struct service service;
	struct pages pages;
};

static json_t *
answer_to(struct service *service, json_t *body)
{
	const char *key = json_string_value(json_object_get(body, "key"));
	json_t *value;

	if (strcmp(json_string_value(json_object_get(body, "type")), "write") == 0) {
		service->writes++;
		json_object_set(service->values, key, json_object_get(body, "value"));
		return json_pack("{s:s}", "type", "write_ok");
	}
	service->reads++;
	value = json_object_get(service->values, key);
	return value != NULL ? json_pack("{s:s, s:O}", "type", "read_ok", "value", value)
			     : json_pack("{s:s, s:i}", "type", "error", "code", ERROR_KEY_DOES_NOT_EXIST);
}

static void
serve(struct fake *fake, struct service *service)
{
	const char *line;

	while ((line = fake_next(fake)) != NULL) {
		json_t *message = json_loads(line, 0, NULL), *body = json_object_get(message, "body");
		json_t *reply = service->silent ? NULL : answer_to(service, body);
		char *text;

		if (reply != NULL) {
			json_object_set(reply, "in_reply_to", json_object_get(body, "msg_id"));
			text = json_dumps(reply, JSON_COMPACT);
			fake_from(fake, LIN_KV, text);
			free(text);
		}
		json_decref(reply);
		json_decref(message);
	}
}

/* ---- one thing to do in a task ----------------------------------------------------- */

struct job {
	struct pages *pages;
	json_t *map, *changes; /* changes NULL: get */
	char key[32];
	json_t *result;
	int outcome;
};

static void
do_job(struct node *node, void *arg)
{
	struct job *job = arg;

	if (job->changes != NULL)
		job->outcome = pages_put(node, job->pages, job->map, job->changes, &job->result);
	else
		job->outcome = pages_get(node, job->pages, job->map, job->key, &job->result);
}

static void
run_job(struct fake *fake, struct service *service, struct job *job)
{
	job->outcome = -100;
	assert_true(node_task(fake->node, do_job, job));
	serve(fake, service);
	if (service->silent)
		fake_until(fake, node_now_ms(fake->node) + PAGES_TIMEOUT_MS);
}

/* Puts value `i * factor` under the keys from...to - 1, and returns the new map. */
static json_t *
put(struct fake *fake, struct service *service, struct pages *pages, json_t *map, int from, int to, int factor)
{
	struct job job = {.pages = pages, .map = map, .changes = json_object()};

	for (int i = from; i < to; i++) {
		snprintf(job.key, sizeof(job.key), "key %d", i);
		json_object_set_new(job.changes, job.key, json_integer(i * factor));
	}
	run_job(fake, service, &job);
	assert_int_equal(job.outcome, TASK_OK);
	json_decref(job.changes);
	return job.result;
}

static void
assert_value(struct fake *fake, struct service *service, struct pages *pages, json_t *map, int i, int expected)
{
	struct job job = {.pages = pages, .map = map};

	snprintf(job.key, sizeof(job.key), "key %d", i);
	run_job(fake, service, &job);
	assert_int_equal(job.outcome, TASK_OK);
	if (expected == -1)
		assert_null(job.result);
	else
		assert_int_equal(json_integer_value(job.result), expected);
	json_decref(job.result);
}

static int
begin(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	fake_init(&world.fake, &program);
	node_turn(world.fake.node, 10000); /* past holding back */
	world.service.values = json_object();
	pages_init(&world.pages, world.fake.node);
	*state = &world;
	return 0;
}

static int
finish(void **state)
{
	struct world *w = *state;

	pages_free(&w->pages);
	json_decref(w->service.values);
	fake_close(&w->fake);
	return 0;
}

/* ---- tests --------------------------------------------------------------------------- */

static void
holds_what_was_put(void **state)
{
	struct world *w = *state;
	json_t *map = put(&w->fake, &w->service, &w->pages, json_null(), 0, KEYS, 1);

	assert_int_equal(w->service.writes, 1);
	for (int i = 0; i < KEYS; i++)
		assert_value(&w->fake, &w->service, &w->pages, map, i, i);
	assert_value(&w->fake, &w->service, &w->pages, map, KEYS, -1);
	assert_value(&w->fake, &w->service, &w->pages, json_null(), 0, -1);
	assert_int_equal(w->service.reads, 0);
	json_decref(map);
}

static void
leaves_the_old_map_alone(void **state)
{
	struct world *w = *state;
	json_t *old = put(&w->fake, &w->service, &w->pages, json_null(), 0, KEYS, 1);
	json_t *new = put(&w->fake, &w->service, &w->pages, old, 100, 110, 1000);
	json_t *newest = put(&w->fake, &w->service, &w->pages, new, KEYS, KEYS + 1, 7);
	size_t made = json_array_size(json_object_get(w->pages.segments, json_string_value(json_array_get(newest, 0))));

	for (int i = 95; i < 115; i++) {
		assert_value(&w->fake, &w->service, &w->pages, old, i, i);
		assert_value(&w->fake, &w->service, &w->pages, new, i, i >= 100 && i < 110 ? 1000 * i : i);
	}
	assert_value(&w->fake, &w->service, &w->pages, new, KEYS, -1);
	assert_value(&w->fake, &w->service, &w->pages, newest, KEYS, 7 * KEYS);
	assert_in_range(made, 2, 4); /* all other pages are shared */
	json_decref(old);
	json_decref(new);
	json_decref(newest);
}

/* Another node has nothing but the address; what it has fetched it keeps. */
static void
is_read_by_others(void **state)
{
	struct world *w = *state;
	json_t *map = put(&w->fake, &w->service, &w->pages, json_null(), 0, KEYS, 1);

	json_object_clear(w->pages.segments);
	for (int i = 0; i < KEYS; i++)
		assert_value(&w->fake, &w->service, &w->pages, map, i, i);
	assert_int_equal(w->service.reads, 1);
	json_decref(map);
}

static void
keeps_so_many_segments(void **state)
{
	struct world *w = *state;
	json_t *map = json_incref(json_null());

	for (int i = 0; i < 2 * PAGES_SEGMENTS_MAX; i++) {
		json_t *next = put(&w->fake, &w->service, &w->pages, map, 0, 1, i);

		json_decref(map);
		map = next;
		assert_true(json_object_size(w->pages.segments) <= PAGES_SEGMENTS_MAX);
	}
	json_decref(map);
}

static void
expect_failure(struct fake *fake, struct service *service, struct pages *pages, const char *map, int outcome)
{
	json_t *changes = json_pack("{s:i}", "key 1", 1), *address = json_loads(map, 0, NULL);
	struct job get = {.pages = pages, .map = address, .key = "key 1"};
	struct job change = {.pages = pages, .map = address, .changes = changes};

	run_job(fake, service, &get);
	assert_int_equal(get.outcome, outcome);
	assert_null(get.result);
	run_job(fake, service, &change);
	assert_int_equal(change.outcome, outcome);
	assert_null(change.result);
	json_decref(changes);
	json_decref(address);
}

static void
says_when_the_service_is_silent(void **state)
{
	struct world *w = *state;
	struct job job = {.pages = &w->pages, .map = json_null(), .changes = json_pack("{s:i}", "key 1", 1)};

	w->service.silent = true;
	expect_failure(&w->fake, &w->service, &w->pages, "[\"x\", 0]", ERROR_TIMEOUT);
	run_job(&w->fake, &w->service, &job);
	assert_int_equal(job.outcome, ERROR_TIMEOUT);
	assert_null(job.result);
	json_decref(job.changes);
}

static void
says_when_there_is_no_page(void **state)
{
	static const char *const addresses[] = {"[\"missing\", 0]", "[\"odd\", 0]", "[\"odd\", 1]", "[\"odd\", 9]",
	    "[\"odd\", -1]", "[\"odd\"]", "[7, 0]", "{}", "[\"loop\", 0]"};
	struct world *w = *state;
	json_t *loop = json_array();

	for (int i = 0; i < 16; i++)
		json_array_append_new(loop, json_pack("[s, i]", "loop", 0));
	json_object_set_new(w->service.values, "odd", json_pack("[s, []]", "page"));
	json_object_set_new(w->service.values, "loop", json_pack("[o]", loop));
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		expect_failure(&w->fake, &w->service, &w->pages, addresses[i], ERROR_CRASH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(holds_what_was_put, begin, finish),
	    cmocka_unit_test_setup_teardown(leaves_the_old_map_alone, begin, finish),
	    cmocka_unit_test_setup_teardown(is_read_by_others, begin, finish),
	    cmocka_unit_test_setup_teardown(keeps_so_many_segments, begin, finish),
	    cmocka_unit_test_setup_teardown(says_when_the_service_is_silent, begin, finish),
	    cmocka_unit_test_setup_teardown(says_when_there_is_no_page, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
