/*
 * Raft's scenarios: tests/scenarios/raft/NAME.txt is a script of steps and
 * faults; below each step stand, after "----", the decisions that the nodes
 * took meanwhile, as their trace tells it, and what clients were answered.
 * REWRITE=1 (`make rewrite`) writes down what happens instead of comparing:
 * read the difference before you believe it.
 *
 *	nodes N [latency MS] [durable]	begins, with messages that take so long, with or without disks
 *	keep N			how many applied entries a log keeps; snapshots travel in small chunks
 *	batch N			how many entries a message holds
 *	patient			no elections but those of "campaign"
 *	run MS			time goes by
 *	campaign N		a node's election time-out passes
 *	cut A>B ...		messages from A to B are lost from now on
 *	isolate A ...		those nodes, together, are cut off from the others
 *	heal			nothing is lost any more
 *	drop TYPE A>B		what is on its way there now is lost
 *	copy TYPE A>B		what is on its way there now will be repeated by
 *	paste			and comes once more
 *	write N KEY VALUE, read N KEY, cas N KEY FROM TO	a client asks a node
 *	writes N KEY COUNT	many times
 *	transfer A B		A hands over to B
 *	state			roles, terms, logs
 *	kill A ...		ends nodes; what comes for them is lost
 *	start A ...		starts them again, with what is on their disks
 *	die A nothing|all	A is killed in the next turn that stores something, before the sync: nothing of it is
 *				sent, and nothing or all of it is on the disk
 *	tear A N		the disk of a killed node loses its last N bytes
 *	disk A			what is on its disk, without the checksums
 *	store N			records are rewritten when there are so many bytes to each live one
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft_internal.h"
#include "registry.h"
#include "world.h"

#define FOLDER    "tests/scenarios/raft"
#define WORDS_MAX 16
#define ASKED_MAX 8192

/* As nodes/lin-kv.c begins its state. */
struct store {
	bool lease;
	struct raft *raft;
};

struct asked {
	int64_t id;
	char what[64];
	bool silent, answered;
};

struct scenario {
	struct world world;
	bool open;
	struct buffer trace;
	struct buffer output;
	struct asked asked[ASKED_MAX];
	int asked_count;
	bool durable, patient;
	int keep, store;
	struct letters copies;
};

/* ---- helpers ------------------------------------------------------------------ */

static struct raft *
raft_of(struct scenario *s, int i)
{
	return ((struct store *)node_state(s->world.actors[i].node))->raft;
}

static int
node_of(struct scenario *s, const char *word)
{
	int i = world_find(&s->world, word);

	if (i == -1)
		fail_msg("no such node: %s", word);
	return i;
}

/* "A>B" */
static void
pair_of(struct scenario *s, const char *word, int *src, int *dest)
{
	char text[16];

	strlcpy(text, word, sizeof(text));
	if (strchr(text, '>') == NULL)
		fail_msg("not A>B: %s", word);
	*strchr(text, '>') = '\0';
	*src = node_of(s, text);
	*dest = node_of(s, strchr(word, '>') + 1);
}

static json_t *
value_of(const char *word)
{
	json_t *value = json_loads(word, JSON_DECODE_ANY, NULL);

	return value != NULL ? value : json_string(word);
}

/* ---- steps ---------------------------------------------------------------------- */

/* Starts a node, or all of them for the first time. */
static void
start(struct scenario *s, int i, int count)
{
	char program[] = "lin-kv", level[] = "--log-level", debug[] = "debug", option[] = "--data-dir", dir[] = "disk";
	char *args[] = {program, level, debug, s->durable ? option : NULL, dir, NULL};

	if (count > 0)
		world_new(&s->world, registry_find("lin-kv"), count, 1, args);
	else
		world_restart(&s->world, registry_find("lin-kv"), i, args);
}

/* What the test has set is lost with the node. */
static void
set_limits(struct scenario *s, int i)
{
	struct raft_limits *limits = &raft_of(s, i)->limits;

	limits->patient = s->patient;
	if (s->keep > 0) {
		limits->log_entries = (size_t)s->keep;
		limits->chunk_bytes = 40;
	}
	if (s->store > 0)
		limits->stored_bytes = (size_t)s->store;
}

static void
step_nodes(struct scenario *s, char **words, int count)
{
	int latency = 10;

	for (int i = 2; i < count; i++) {
		if (strcmp(words[i], "durable") == 0)
			s->durable = true;
		else if (strcmp(words[i], "latency") == 0 && i + 1 < count)
			latency = atoi(words[++i]);
	}
	start(s, 0, atoi(words[1]));
	s->world.trace = &s->trace;
	s->open = true;
	s->world.latency_min_ms = s->world.latency_max_ms = latency;
	world_run(&s->world, NODE_HOLD_MS - 1); /* from here on messages are not held back */
	for (int i = 0; i < s->world.count; i++)
		raft_of(s, i)->roused = true;
}

static void
step_keep(struct scenario *s, char **words, int count)
{
	(void)count;
	s->keep = atoi(words[1]);
	for (int i = 0; i < s->world.count; i++)
		set_limits(s, i);
}

static void
step_store(struct scenario *s, char **words, int count)
{
	(void)count;
	s->store = atoi(words[1]);
	for (int i = 0; i < s->world.count; i++)
		set_limits(s, i);
}

static void
step_batch(struct scenario *s, char **words, int count)
{
	(void)count;
	for (int i = 0; i < s->world.count; i++)
		raft_of(s, i)->limits.batch_entries = (size_t)atoi(words[1]);
}

static void
step_patient(struct scenario *s, char **words, int count)
{
	(void)words;
	(void)count;
	s->patient = true;
	for (int i = 0; i < s->world.count; i++)
		set_limits(s, i);
}

static void
step_run(struct scenario *s, char **words, int count)
{
	(void)count;
	world_run(&s->world, atoi(words[1]));
}

static void
step_campaign(struct scenario *s, char **words, int count)
{
	int i = node_of(s, words[1]);
	struct raft *r = raft_of(s, i);

	(void)count;
	node_turn(s->world.actors[i].node, s->world.now_ms);
	election_campaign(r, false);
	r->election_due = s->world.now_ms;
	raft_settle(r);
	world_drain(&s->world, &s->world.actors[i]);
}

static void
step_cut(struct scenario *s, char **words, int count)
{
	for (int i = 1; i < count; i++) {
		int src, dest;

		pair_of(s, words[i], &src, &dest);
		s->world.blocked[src][dest] = true;
	}
}

static void
step_isolate(struct scenario *s, char **words, int count)
{
	uint32_t side = 0;

	for (int i = 1; i < count; i++)
		side |= (uint32_t)1 << node_of(s, words[i]);
	world_partition(&s->world, side);
}

static void
step_heal(struct scenario *s, char **words, int count)
{
	(void)words;
	(void)count;
	world_partition(&s->world, 0);
}

/* Whether a letter is what "TYPE A>B" says. */
static bool
is_meant(struct scenario *s, const struct letter *letter, char **words)
{
	char type[64];
	int src, dest;

	pair_of(s, words[2], &src, &dest);
	snprintf(type, sizeof(type), "\"%s\"", words[1]);
	return strcmp(letter->src, s->world.actors[src].id) == 0 &&
	       strcmp(letter->dest, s->world.actors[dest].id) == 0 && strstr(letter->line, type) != NULL;
}

static void
step_drop(struct scenario *s, char **words, int count)
{
	struct letter *letter, *next;
	int dropped = 0;

	(void)count;
	TAILQ_FOREACH_SAFE (letter, &s->world.letters, entry, next) {
		if (!is_meant(s, letter, words))
			continue;
		TAILQ_REMOVE(&s->world.letters, letter, entry);
		world_letter_free(letter);
		dropped++;
	}
	buffer_printf(&s->output, "dropped %d\n", dropped);
}

static void
step_copy(struct scenario *s, char **words, int count)
{
	struct letter *letter, *copy;
	int copied = 0;

	(void)count;
	TAILQ_FOREACH (letter, &s->world.letters, entry) {
		if (!is_meant(s, letter, words))
			continue;
		copy = malloc(sizeof(*copy));
		*copy = (struct letter){
		    .src = strdup(letter->src), .dest = strdup(letter->dest), .line = strdup(letter->line)};
		TAILQ_INSERT_TAIL(&s->copies, copy, entry);
		copied++;
	}
	buffer_printf(&s->output, "copied %d\n", copied);
}

static void
step_paste(struct scenario *s, char **words, int count)
{
	struct letter *letter;

	(void)words;
	(void)count;
	while ((letter = TAILQ_FIRST(&s->copies)) != NULL) {
		TAILQ_REMOVE(&s->copies, letter, entry);
		world_post(
		    &s->world, letter->src, letter->dest, letter->line, s->world.now_ms + s->world.latency_min_ms);
		world_letter_free(letter);
	}
}

static void
ask(struct scenario *s, int i, json_t *body, bool silent, char **words, int count)
{
	struct asked *asked = &s->asked[s->asked_count++];

	assert_true(s->asked_count <= ASKED_MAX);
	asked->silent = silent;
	for (int k = 0; k < count; k++) {
		strlcat(asked->what, k > 0 ? " " : "", sizeof(asked->what));
		strlcat(asked->what, words[k], sizeof(asked->what));
	}
	asked->id = world_ask(&s->world, i, body);
}

static void
step_write(struct scenario *s, char **words, int count)
{
	ask(s, node_of(s, words[1]),
	    json_pack("{s:s, s:s, s:o}", "type", "write", "key", words[2], "value", value_of(words[3])), false, words,
	    count);
}

static void
step_read(struct scenario *s, char **words, int count)
{
	ask(s, node_of(s, words[1]), json_pack("{s:s, s:s}", "type", "read", "key", words[2]), false, words, count);
}

static void
step_cas(struct scenario *s, char **words, int count)
{
	ask(s, node_of(s, words[1]),
	    json_pack("{s:s, s:s, s:o, s:o}", "type", "cas", "key", words[2], "from", value_of(words[3]), "to",
		value_of(words[4])),
	    false, words, count);
}

static void
step_writes(struct scenario *s, char **words, int count)
{
	for (int i = 0; i < atoi(words[3]); i++) {
		ask(s, node_of(s, words[1]), json_pack("{s:s, s:s, s:i}", "type", "write", "key", words[2], "value", i),
		    true, words, count);
		world_run(&s->world, 1);
	}
}

static void
step_transfer(struct scenario *s, char **words, int count)
{
	int i = node_of(s, words[1]);

	(void)count;
	node_turn(s->world.actors[i].node, s->world.now_ms);
	raft_transfer(raft_of(s, i), node_of(s, words[2]));
	world_drain(&s->world, &s->world.actors[i]);
}

static void
step_state(struct scenario *s, char **words, int count)
{
	static const char *const roles[] = {"follower", "pre-candidate", "candidate", "leader"};

	(void)words;
	(void)count;
	for (int i = 0; i < s->world.count; i++) {
		struct raft *r;

		if (s->world.actors[i].node == NULL) {
			buffer_printf(&s->output, "n%d is dead\n", i);
			continue;
		}
		r = raft_of(s, i);
		buffer_printf(&s->output, "n%d %s term %lld commit %lld log (%lld)", i, roles[r->role],
		    (long long)r->term, (long long)r->commit, (long long)r->log.base);
		for (int64_t k = r->log.base + 1; k <= log_last(&r->log) && k <= r->log.base + 12; k++)
			buffer_printf(&s->output, " %lld", (long long)log_term(&r->log, k));
		buffer_append_string(&s->output, log_last(&r->log) > r->log.base + 12 ? " ...\n" : "\n");
	}
}

/* ---- lives ------------------------------------------------------------------------ */

static void
step_kill(struct scenario *s, char **words, int count)
{
	for (int i = 1; i < count; i++)
		world_kill(&s->world, node_of(s, words[i]));
}

static void
step_start(struct scenario *s, char **words, int count)
{
	for (int i = 1; i < count; i++) {
		start(s, node_of(s, words[i]), 0);
		set_limits(s, node_of(s, words[i]));
	}
}

static void
step_die(struct scenario *s, char **words, int count)
{
	(void)count;
	s->world.actors[node_of(s, words[1])].dies =
	    strcmp(words[2], "all") == 0 ? DEATH_ALL_STORED : DEATH_NOTHING_STORED;
}

static void
step_tear(struct scenario *s, char **words, int count)
{
	int i = node_of(s, words[1]);
	size_t length = world_tear(&s->world, i, SIZE_MAX);

	(void)count;
	assert_true((size_t)atoi(words[2]) <= length);
	world_tear(&s->world, i, length - (size_t)atoi(words[2]));
}

static void
step_disk(struct scenario *s, char **words, int count)
{
	struct buffer bytes = {0};
	char *copy, *rest, *line;

	(void)count;
	disk_load(s->world.actors[node_of(s, words[1])].disk, &bytes);
	rest = copy = strdup(buffer_string(&bytes));
	while ((line = strsep(&rest, "\n")) != NULL && (rest != NULL || line[0] != '\0'))
		buffer_printf(&s->output, "%s%s\n", strlen(line) > 9 ? line + 9 : line, rest == NULL ? " (torn)" : "");
	free(copy);
	buffer_free(&bytes);
}

static const struct {
	const char *name;
	int words;
	void (*step)(struct scenario *, char **words, int count);
} steps[] = {
    {"nodes", 2, step_nodes},
    {"keep", 2, step_keep},
    {"batch", 2, step_batch},
    {"patient", 1, step_patient},
    {"run", 2, step_run},
    {"campaign", 2, step_campaign},
    {"cut", 2, step_cut},
    {"isolate", 2, step_isolate},
    {"heal", 1, step_heal},
    {"drop", 3, step_drop},
    {"copy", 3, step_copy},
    {"paste", 1, step_paste},
    {"write", 4, step_write},
    {"read", 3, step_read},
    {"cas", 5, step_cas},
    {"writes", 4, step_writes},
    {"transfer", 3, step_transfer},
    {"state", 1, step_state},
    {"kill", 2, step_kill},
    {"start", 2, step_start},
    {"die", 3, step_die},
    {"tear", 3, step_tear},
    {"disk", 2, step_disk},
    {"store", 2, step_store},
};

/* ---- scripts ---------------------------------------------------------------------- */

static void
perform(struct scenario *s, const char *line)
{
	char text[256], *words[WORDS_MAX], *rest = text;
	int count = 0;

	strlcpy(text, line, sizeof(text));
	while (count < WORDS_MAX && (words[count] = strsep(&rest, " ")) != NULL)
		count++;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].name, words[0]) == 0 && count >= steps[i].words) {
			steps[i].step(s, words, count);
			return;
		}
	fail_msg("no such step: %s", line);
}

/* "time node DEBUG raft: text" becomes "node text". */
static void
tell_trace(struct scenario *s)
{
	char *rest = strdup(buffer_string(&s->trace)), *line, *start = rest;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *text = strstr(line, "raft: "), *id = strchr(line, ' ');

		if (text != NULL)
			buffer_printf(&s->output, "%.*s %s\n", (int)strcspn(id + 1, " "), id + 1, text + 6);
	}
	free(start);
	s->trace.length = 0;
}

static void
tell_answers(struct scenario *s)
{
	for (int i = 0; i < s->asked_count; i++) {
		struct asked *asked = &s->asked[i];
		json_t *reply = world_reply(&s->world, asked->id);
		char *text;

		if (reply == NULL || asked->answered)
			continue;
		asked->answered = true;
		if (asked->silent)
			continue;
		json_object_del(reply, "in_reply_to");
		text = json_dumps(reply, JSON_SORT_KEYS);
		buffer_printf(&s->output, "%s: %s\n", asked->what, text);
		free(text);
	}
}

static void
step(struct scenario *s, const char *line)
{
	buffer_printf(&s->output, "%s\n----\n", line);
	perform(s, line);
	tell_trace(s);
	tell_answers(s);
	buffer_append_string(&s->output, "\n");
}

/* Comments and steps are copied; what stands between "----" and the next empty line is what happened. */
static char *
play(const char *script)
{
	struct scenario *s = calloc(1, sizeof(*s));
	char *copy = strdup(script), *rest = copy, *line, *output;
	bool answer = false;

	TAILQ_INIT(&s->copies);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (answer)
			answer = line[0] != '\0';
		else if (strcmp(line, "----") == 0)
			answer = true;
		else if (line[0] == '#')
			buffer_printf(&s->output, "%s\n", line);
		else if (line[0] == '\0' && rest != NULL && s->output.length > 0 &&
			 s->output.bytes[s->output.length - 1] == '\n' && s->output.length > 1 &&
			 s->output.bytes[s->output.length - 2] != '\n')
			buffer_append_string(&s->output, "\n");
		else if (line[0] != '\0')
			step(s, line);
	}
	while (s->output.length > 1 && s->output.bytes[s->output.length - 2] == '\n')
		s->output.length--;
	output = strdup(buffer_string(&s->output));
	if (s->open)
		world_free(&s->world);
	buffer_free(&s->trace);
	buffer_free(&s->output);
	free(copy);
	free(s);
	return output;
}

static char *
slurp(const char *path)
{
	struct buffer text = {0};
	FILE *file = fopen(path, "r");
	char *copy;
	int c;

	if (file == NULL)
		fail_msg("%s cannot be read", path);
	while ((c = getc(file)) != EOF)
		buffer_append_char(&text, (char)c);
	fclose(file);
	copy = strdup(buffer_string(&text));
	buffer_free(&text);
	return copy;
}

static void
rewrite(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_not_equal(fputs(text, file), EOF);
	assert_int_equal(fclose(file), 0);
}

static void
scenario(void **state)
{
	char path[256], *script, *output;

	snprintf(path, sizeof(path), FOLDER "/%s", (const char *)*state);
	script = slurp(path);
	output = play(script);
	if (getenv("REWRITE") != NULL)
		rewrite(path, output);
	else
		assert_string_equal(output, script);
	free(script);
	free(output);
}

static int
is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".txt") == 0;
}

int
main(void)
{
	struct dirent **entries;
	int count = scandir(FOLDER, &entries, is_script, alphasort), failed;
	struct CMUnitTest *tests;

	if (count <= 0) {
		fprintf(stderr, FOLDER ": no scenarios\n");
		return 1;
	}
	tests = calloc((size_t)count, sizeof(*tests));
	for (int i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){
		    .name = entries[i]->d_name, .test_func = scenario, .initial_state = entries[i]->d_name};
	failed = _cmocka_run_group_tests("scenarios", tests, (size_t)count, NULL, NULL);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	free(tests);
	return failed;
}
