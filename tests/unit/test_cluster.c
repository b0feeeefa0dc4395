/* A simulated cluster whose nodes are killed and started again, by the harness as a nemesis would do it. */
#include "runs.h"

#include "client.h"
#include "cluster.h"

struct scene {
	struct loop *loop;
	struct net *net;
	struct line line;
	struct arena arena;
	struct cluster *cluster;
	struct client *client;
	int next_client, revived;
	const struct value *answer;
	struct buffer trouble;
};

static void
on_ready(void *arg)
{
	loop_stop(((struct scene *)arg)->loop);
}

static void
on_failed(void *arg, int node, const char *why)
{
	struct scene *scene = arg;

	buffer_printf(&scene->trouble, "n%d %s\n", node, why);
	loop_stop(scene->loop);
}

static void
on_offence(void *arg, struct server *server, const char *line, size_t length, const char *cause)
{
	buffer_printf(&((struct scene *)arg)->trouble, "%s: %s in %.*s\n", server_id(server), cause, (int)length, line);
}

static void
on_died(void *arg, struct server *server, const char *how)
{
	buffer_printf(&((struct scene *)arg)->trouble, "%s %s\n", server_id(server), how);
}

static void
begin(struct scene *scene, const char *command)
{
	const struct cluster_events events = {
	    .ready = on_ready,
	    .failed = on_failed,
	    .arg = scene,
	    .server = {.offence = on_offence, .died = on_died, .arg = scene},
	};

	memset(scene, 0, sizeof(*scene));
	parse(&scene->line, COMMAND_SIM, command);
	scene->loop = loop_new(CLOCK_VIRTUAL);
	scene->net = net_new(scene->loop, &scene->line.options.latency, 1);
	scene->cluster = cluster_start(
	    scene->loop, scene->net, &scene->line.options, 1, &scene->next_client, &scene->arena, NULL, &events);
	loop_run(scene->loop);
	scene->client = client_open(scene->loop, scene->net, &scene->next_client);
	assert_string_equal(buffer_string(&scene->trouble), "");
}

static void
end(struct scene *scene)
{
	client_close(scene->client);
	cluster_stop(scene->cluster);
	net_free(scene->net);
	loop_free(scene->loop);
	arena_free(&scene->arena);
	options_free(&scene->line.options);
	buffer_free(&scene->trouble);
}

static void
stop(void *arg)
{
	loop_stop(((struct scene *)arg)->loop);
}

static void
run_for(struct scene *scene, int64_t ms)
{
	loop_after(scene->loop, ms * MS_NS, stop, scene);
	loop_run(scene->loop);
}

static void
on_answer(void *arg, enum answer answer, const struct value *body)
{
	struct scene *scene = arg;

	scene->answer = answer == ANSWER_TIMEOUT ? NULL : body;
	loop_stop(scene->loop);
}

static const struct value *
ask(struct scene *scene, const char *dest, const char *type, int value)
{
	struct value *body = value_collection(&scene->arena, VALUE_MAP);

	value_put_string(&scene->arena, body, "type", value_string(&scene->arena, type));
	value_put_string(&scene->arena, body, "key", value_int(&scene->arena, 1));
	if (value > 0)
		value_put_string(&scene->arena, body, "value", value_int(&scene->arena, value));
	client_request(scene->client, dest, &scene->arena, body, 3000, on_answer, scene);
	loop_run(scene->loop);
	return scene->answer;
}

static void
on_revived(void *arg)
{
	((struct scene *)arg)->revived++;
}

static void
kill_all(struct scene *scene)
{
	for (int i = 0; i < scene->line.options.node_count; i++)
		cluster_kill(scene->cluster, i);
}

static void
revive_all(struct scene *scene)
{
	for (int i = 0; i < scene->line.options.node_count; i++)
		cluster_revive(scene->cluster, i, on_revived, scene);
	run_for(scene, 1000);
}

static void
finds_its_disks_again(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w lin-kv --node lin-kv --node-count 3 --concurrency 6 -- --data-dir disk");
	assert_true(value_is_string(value_get(ask(&scene, "n0", "write", 7), "type"), "write_ok"));
	kill_all(&scene);
	assert_null(ask(&scene, "n1", "read", 0));
	revive_all(&scene);
	assert_int_equal(scene.revived, 3);
	assert_true(value_is_string(value_get(ask(&scene, "n1", "read", 0), "type"), "read_ok"));
	assert_true(value_equal(value_get(scene.answer, "value"), value_int(&scene.arena, 7)));
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

/* Without disks there is nothing to be found, and nothing in the way either. */
static void
begins_with_nothing(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w lin-kv --node lin-kv --node-count 3 --concurrency 6");
	assert_true(value_is_string(value_get(ask(&scene, "n0", "write", 7), "type"), "write_ok"));
	kill_all(&scene);
	revive_all(&scene);
	assert_true(value_equal(value_get(ask(&scene, "n1", "read", 0), "code"), value_int(&scene.arena, 20)));
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

/* The second kill comes before init is answered: nobody is told that it was. */
static void
may_be_killed_again_at_once(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w echo --node echo --node-count 2 --latency 100");
	cluster_kill(scene.cluster, 1);
	cluster_revive(scene.cluster, 1, on_revived, &scene);
	cluster_kill(scene.cluster, 1);
	cluster_kill(scene.cluster, 1);
	run_for(&scene, 20000);
	assert_int_equal(scene.revived, 0);
	cluster_revive(scene.cluster, 1, on_revived, &scene);
	run_for(&scene, 1000);
	assert_int_equal(scene.revived, 1);
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

static void
a_pause_keeps_messages(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w lin-kv --node lin-kv --node-count 1 --concurrency 2");
	assert_true(cluster_pause(scene.cluster, 0));
	assert_false(cluster_pause(scene.cluster, 0));
	assert_null(ask(&scene, "n0", "write", 7));
	assert_true(cluster_resume(scene.cluster, 0));
	assert_false(cluster_resume(scene.cluster, 0));
	run_for(&scene, 1000);
	assert_true(value_equal(value_get(ask(&scene, "n0", "read", 0), "value"), value_int(&scene.arena, 7)));
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

/* Dead is dead: it cannot be paused, and a paused one that is killed is not paused when it is back. */
static void
pauses_and_kills_cross(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w echo --node echo --node-count 1");
	assert_true(cluster_pause(scene.cluster, 0));
	assert_true(cluster_kill(scene.cluster, 0));
	assert_false(cluster_pause(scene.cluster, 0));
	assert_false(cluster_resume(scene.cluster, 0));
	assert_true(cluster_revive(scene.cluster, 0, on_revived, &scene));
	assert_false(cluster_revive(scene.cluster, 0, on_revived, &scene));
	run_for(&scene, 1000);
	assert_int_equal(scene.revived, 1);
	assert_false(cluster_resume(scene.cluster, 0));
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

/* Longer than init may take, in the midst of it: that is not the node's failure, and it is started once more. */
static void
a_pause_may_outlast_init(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w echo --node echo --node-count 1");
	cluster_kill(scene.cluster, 0);
	cluster_revive(scene.cluster, 0, on_revived, &scene);
	cluster_pause(scene.cluster, 0);
	run_for(&scene, 30000);
	assert_int_equal(scene.revived, 0);
	assert_true(cluster_resume(scene.cluster, 0));
	run_for(&scene, 1000);
	assert_int_equal(scene.revived, 1);
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

/* It is started again after a while, with what it had stored. */
static void
a_failed_disk_is_tried_again(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w lin-kv --node lin-kv --node-count 1 --concurrency 2 -- --data-dir disk");
	assert_true(value_is_string(value_get(ask(&scene, "n0", "write", 7), "type"), "write_ok"));
	cluster_disturb_disk(scene.cluster, 0, 1000, 0);
	assert_null(ask(&scene, "n0", "write", 8));
	run_for(&scene, 10 * CLUSTER_RESTART_MS); /* and fails again */
	assert_false(value_is_string(value_get(ask(&scene, "n0", "write", 9), "type"), "write_ok"));
	cluster_disturb_disk(scene.cluster, 0, 0, 0);
	run_for(&scene, CLUSTER_RESTART_MS + 1000);
	assert_true(value_is_string(value_get(ask(&scene, "n0", "read", 0), "type"), "read_ok"));
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

/* Killed while it waits for that, it waits for being revived. */
static void
a_failed_disk_and_a_kill(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, "-w lin-kv --node lin-kv --node-count 1 --concurrency 2 -- --data-dir disk");
	cluster_disturb_disk(scene.cluster, 0, 1000, 0);
	scene.answer = ask(&scene, "n0", "write", 8);
	assert_null(scene.answer);
	cluster_disturb_disk(scene.cluster, 0, 1000, 0);
	run_for(&scene, 1);
	cluster_kill(scene.cluster, 0);
	assert_false(cluster_kill(scene.cluster, 0));
	cluster_disturb_disk(scene.cluster, 0, 0, 0);
	run_for(&scene, 10 * CLUSTER_RESTART_MS);
	assert_null(ask(&scene, "n0", "read", 0));
	assert_true(cluster_revive(scene.cluster, 0, on_revived, &scene));
	run_for(&scene, 1000);
	assert_int_equal(scene.revived, 1);
	assert_non_null(ask(&scene, "n0", "read", 0));
	assert_string_equal(buffer_string(&scene.trouble), "");
	end(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_its_disks_again),
	    cmocka_unit_test(begins_with_nothing),
	    cmocka_unit_test(may_be_killed_again_at_once),
	    cmocka_unit_test(a_pause_keeps_messages),
	    cmocka_unit_test(pauses_and_kills_cross),
	    cmocka_unit_test(a_pause_may_outlast_init),
	    cmocka_unit_test(a_failed_disk_is_tried_again),
	    cmocka_unit_test(a_failed_disk_and_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
