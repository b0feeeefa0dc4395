/* What may happen next in a simulation that is steered by hand, one thing at a time. */
#include <string.h>

#include "arena.h"
#include "cluster.h"
#include "decimal.h"
#include "generator.h"
#include "steer.h"

static const struct {
	const char *name;
	int ids;     /* how many */
	bool number; /* may follow */
} kinds[CHOICE_KINDS] = {
    [CHOICE_DELIVER] = {"deliver", 2, true},
    [CHOICE_DROP] = {"drop", 2, true},
    [CHOICE_DUPLICATE] = {"duplicate", 2, true},
    [CHOICE_OP] = {"op", 0, true},
    [CHOICE_TIME] = {"time", 0, false},
    [CHOICE_WAIT] = {"wait", 0, false},
    [CHOICE_CRASH] = {"crash", 1, false},
};

#define NUMBER_MAX 1000000 /* of a worker or a message in a choice */

/* ---- messages that wait --------------------------------------------------- */

static bool
is_same_way(const struct envelope *a, const char *src, const char *dest)
{
	return strcmp(a->src, src) == 0 && strcmp(a->dest, dest) == 0;
}

int
choice_number(const struct world *world, size_t place)
{
	struct envelope chosen = net_held_at(world->net, place);
	int number = 0;

	for (size_t i = 0; i < net_held(world->net); i++) {
		struct envelope other = net_held_at(world->net, i);

		number += other.id < chosen.id && is_same_way(&other, chosen.src, chosen.dest);
	}
	return number;
}

/* Its place, or -1. */
static int64_t
find_held(const struct world *world, const struct choice *choice)
{
	for (size_t i = 0; i < net_held(world->net); i++) {
		struct envelope held = net_held_at(world->net, i);

		if (is_same_way(&held, choice->src, choice->dest) && choice_number(world, i) == choice->number)
			return (int64_t)i;
	}
	return -1;
}

static bool
do_message(const struct world *world, const struct choice *choice)
{
	int64_t place = find_held(world, choice);

	if (place < 0)
		return false;
	if (choice->kind == CHOICE_DELIVER)
		net_held_deliver(world->net, (size_t)place);
	else if (choice->kind == CHOICE_DUPLICATE)
		net_held_duplicate(world->net, (size_t)place);
	else
		net_held_drop(world->net, (size_t)place);
	return true;
}

/* ---- the others ----------------------------------------------------------- */

static bool
do_op(const struct world *world, const struct choice *choice)
{
	if (!generator_can(world->generator, choice->number))
		return false;
	generator_do(world->generator, choice->number);
	return true;
}

static bool
do_time(const struct world *world, const struct choice *choice)
{
	int64_t due = loop_due(world->loop);

	(void)choice;
	if (due == INT64_MAX)
		return false;
	loop_run_until(world->loop, due);
	return true;
}

static bool
do_wait(const struct world *world, const struct choice *choice)
{
	uint64_t said = net_stats(world->net)->all.sent;
	int64_t end = loop_now(world->loop) + CHOICE_WAIT_MS * MS_NS;
	bool done = false;

	while (!*world->crashed && net_stats(world->net)->all.sent == said && loop_due(world->loop) <= end)
		done |= do_time(world, choice);
	return done;
}

static void
restarted(void *arg)
{
	(void)arg;
}

static bool
do_crash(const struct world *world, const struct choice *choice)
{
	const struct test_options *options = world->options;

	for (int i = 0; i < options->node_count; i++) {
		if (strcmp(options->nodes[i], choice->src) != 0)
			continue;
		server_note(cluster_server(world->cluster, i), CHOICE_CRASH);
		cluster_kill(world->cluster, i);
		cluster_revive(world->cluster, i, restarted, NULL);
		return true;
	}
	return false;
}

bool
choice_do(const struct world *world, const struct choice *choice)
{
	static bool (*const doers[CHOICE_KINDS])(const struct world *, const struct choice *) = {
	    [CHOICE_DELIVER] = do_message,
	    [CHOICE_DROP] = do_message,
	    [CHOICE_DUPLICATE] = do_message,
	    [CHOICE_OP] = do_op,
	    [CHOICE_TIME] = do_time,
	    [CHOICE_WAIT] = do_wait,
	    [CHOICE_CRASH] = do_crash,
	};

	if (*world->crashed || !doers[choice->kind](world, choice))
		return false;
	if (!*world->crashed)
		loop_run_until(world->loop, loop_now(world->loop));
	return true;
}

bool
choices_follow(void *arg, const struct world *world)
{
	struct choice_list *list = arg;

	list->missed = 0;
	for (size_t i = 0; i < list->count && !*world->crashed; i++)
		list->missed += !choice_do(world, &list->items[i]);
	return true;
}

/* ---- text ----------------------------------------------------------------- */

void
choice_write(const struct choice *choice, struct buffer *text)
{
	buffer_append_string(text, kinds[choice->kind].name);
	if (kinds[choice->kind].ids > 0)
		buffer_printf(text, " %s", choice->src);
	if (kinds[choice->kind].ids > 1)
		buffer_printf(text, " %s", choice->dest);
	if (kinds[choice->kind].number)
		buffer_printf(text, " %d", choice->number);
}

bool
choice_read(struct choice *choice, struct arena *arena, char *const words[], int count, struct buffer *error)
{
	int kind = 0, wanted;
	int64_t number = 0;

	while (kind < CHOICE_KINDS && (count == 0 || strcmp(words[0], kinds[kind].name) != 0))
		kind++;
	if (kind == CHOICE_KINDS) {
		buffer_printf(error, "'%s' is no choice", count > 0 ? words[0] : "");
		return false;
	}
	wanted = 1 + kinds[kind].ids + kinds[kind].number;
	if (count != wanted) {
		buffer_printf(error, "'%s' takes %d words, not %d", kinds[kind].name, wanted - 1, count - 1);
		return false;
	}
	if (kinds[kind].number && !decimal_integer(words[wanted - 1], 0, NUMBER_MAX, &number)) {
		buffer_printf(error, "expected an integer from 0 to %d, not '%s'", NUMBER_MAX, words[wanted - 1]);
		return false;
	}
	*choice = (struct choice){.kind = (enum choice_kind)kind, .number = (int)number};
	if (kinds[kind].ids > 0)
		choice->src = arena_copy(arena, words[1], strlen(words[1]));
	if (kinds[kind].ids > 1)
		choice->dest = arena_copy(arena, words[2], strlen(words[2]));
	return true;
}
