/* The table of a batch. A row says what was asked, what came out of it, and whether that is as the case wants it. */
#include "caseview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIVE_MS    300 /* between looks at what runs */
#define ROW_FORMAT "%-10s %-26s %5s  %-20s"

/* ---- cells ------------------------------------------------------------------ */

/* One by its name, more by their number: the column is narrow. */
static void
faults_write(const char *faults, struct buffer *out)
{
	int count = 1;

	for (const char *c = faults; *c != '\0'; c++)
		count += *c == ',';
	if (count == 1)
		buffer_append_string(out, faults);
	else
		buffer_printf(out, "%d faults", count);
}

static void
faults(const struct test_case *c, struct buffer *out)
{
	const char *nemesis = case_flag(c, "--nemesis"), *latency = case_flag(c, "--latency");
	const char *dist = case_flag(c, "--latency-dist");

	if (nemesis != NULL)
		faults_write(nemesis, out);
	if (latency != NULL)
		buffer_printf(out, "%s%s ms%s%.3s", nemesis != NULL ? ", " : "", latency, dist != NULL ? " " : "",
		    dist != NULL ? dist : "");
	if (out->length == 0)
		buffer_append_char(out, '-');
}

/* How many nodes: Maelstrom's default is five. */
static const char *
nodes(const struct test_case *c)
{
	const char *count = case_flag(c, "--node-count");

	return count != NULL ? count : "5";
}

static void
figures(const struct trial *t, struct buffer *out)
{
	double number;

	if (results_number(t->results, "stats.count", &number))
		buffer_printf(out, " %6.0f", number);
	else
		buffer_printf(out, " %6s", "-");
	if (results_number(t->results, "ok-fraction", &number))
		buffer_printf(out, " %5.3f", number);
	else
		buffer_printf(out, " %5s", "-");
	if (results_number(t->results, "servers.msgs-per-op", &number))
		buffer_printf(out, " %8.2f", number);
	else
		buffer_printf(out, " %8s", "-");
}

static void
anomalies(const struct test_case *c, struct buffer *out)
{
	for (char *const *word = c->anomalies; *word != NULL; word++)
		buffer_printf(out, "%s%s", word == c->anomalies ? ": " : ", ", *word);
}

static const char *
engine_verdict(const struct trial *t)
{
	return t->job.timed_out ? "timed out" : outcome_name(t->outcome);
}

/* What a sweep adds to the full-length run's verdict. */
static void
sweep(const struct trial *t, struct buffer *out)
{
	if (t->passed && t->step == STEP_REPLAY && t->seed_found == 0)
		buffer_append_string(out, "; at every seed");
	else if (t->passed && t->step == STEP_REPLAY)
		buffer_printf(out, "; at seed %llu", (unsigned long long)t->seed_found);
	else if (t->passed)
		buffer_printf(out, "; %llu seeds", (unsigned long long)t->seeds_run);
	else
		buffer_printf(out, "; SWEEP: %s", t->why);
}

static bool
stable_latencies(const struct trial *t, struct buffer *out)
{
	double median, max;

	if (!results_number(t->results, "stable.p50", &median) || !results_number(t->results, "stable.max", &max))
		return false;
	buffer_printf(out, " (stable %.0f ms, max %.0f)", median, max);
	return true;
}

static void
verdict(const struct row *row, struct buffer *out)
{
	const struct trial *t = row->trials[0];

	if (t->passed) {
		buffer_append_string(out, engine_verdict(t));
		anomalies(row->test, out);
		if (t->outcome == OUTCOME_VALID)
			stable_latencies(t, out);
	} else {
		buffer_printf(out, "FAILED: %s", t->why);
	}
	if (row->count > 1)
		sweep(row->trials[1], out);
}

/* ---- rows ------------------------------------------------------------------- */

static bool
agree(const struct row *row)
{
	return row->trials[0]->outcome == row->trials[1]->outcome && row->trials[0]->outcome != OUTCOME_FAILED &&
	       !row->trials[0]->job.timed_out && !row->trials[1]->job.timed_out;
}

static void
row_head(const struct row *row, struct buffer *out)
{
	struct buffer text = {0};

	faults(row->test, &text);
	buffer_printf(out, ROW_FORMAT, row->test->workload, row->test->node, nodes(row->test), buffer_string(&text));
	buffer_free(&text);
}

static void
row_compare(const struct row *row, struct buffer *out)
{
	for (size_t i = 0; i < row->count; i++) {
		figures(row->trials[i], out);
		buffer_printf(out, "  %-9s", engine_verdict(row->trials[i]));
	}
	buffer_append_string(out, agree(row) ? "  agree" : "  DIFFER");
}

/* A row whose trials have ended. */
static void
row_result(const struct view *view, const struct row *row, struct buffer *out)
{
	row_head(row, out);
	if (view->compare) {
		row_compare(row, out);
		return;
	}
	figures(row->trials[0], out);
	buffer_append_string(out, "  ");
	verdict(row, out);
}

static bool
row_ended(const struct row *row)
{
	for (size_t i = 0; i < row->count; i++) {
		if (row->trials[i]->job.state != JOB_DONE)
			return false;
	}
	return true;
}

static void
print_header(const struct view *view)
{
	static const char cells[] = "    ops    ok msgs/op  ";

	if (view->compare) {
		printf(ROW_FORMAT " %-34s %-34s\n", "", "", "", "", "  eddy test", "  maelstrom");
		printf(ROW_FORMAT "%sverdict   %sverdict\n", "workload", "node", "nodes", "faults", cells, cells);
	} else {
		printf(ROW_FORMAT "%sverdict\n", "workload", "node", "nodes", "faults", cells);
	}
}

/* ---- the live part ---------------------------------------------------------- */

static void
wipe(struct view *view)
{
	if (view->live > 0)
		printf("\r\033[%dA\033[J", view->live);
	view->live = 0;
}

static const struct trial *
running_trial(const struct row *row)
{
	for (size_t i = 0; i < row->count; i++) {
		if (row->trials[i]->job.state == JOB_RUNNING)
			return row->trials[i];
	}
	return NULL;
}

/* One line of the live part: what a run said last, or what came out of it. False if there is nothing to show yet. */
static bool
live_line(const struct view *view, const struct row *row, struct buffer *out)
{
	const struct trial *t = running_trial(row);

	if (t != NULL) {
		row_head(row, out);
		buffer_append_char(out, ' ');
		trial_last_line(t, out);
	} else if (row_ended(row)) {
		row_result(view, row, out);
	}
	return out->length > 0;
}

static void
live_rows(struct view *view, int height, int width)
{
	for (size_t i = view->printed; i < view->count && view->live < height; i++) {
		struct buffer line = {0};

		if (live_line(view, &view->rows[i], &line)) {
			printf("%.*s\n", width, buffer_string(&line));
			view->live++;
		}
		buffer_free(&line);
	}
}

void
view_tick(struct view *view)
{
	struct winsize size = {0};
	int64_t now = jobs_now_ms();
	size_t ended = 0;

	if (!view->terminal || now - view->shown_ms < LIVE_MS)
		return;
	view->shown_ms = now;
	ioctl(1, TIOCGWINSZ, &size);
	wipe(view);
	live_rows(view, size.ws_row > 4 ? size.ws_row - 3 : 20, size.ws_col > 1 ? size.ws_col - 1 : 79);
	for (size_t i = 0; i < view->count; i++)
		ended += row_ended(&view->rows[i]);
	printf("%zu of %zu ended, %lld s\n", ended, view->count, (long long)(now - view->started_ms) / 1000);
	view->live++;
	fflush(stdout);
}

/* ---- the whole -------------------------------------------------------------- */

void
view_begin(struct view *view)
{
	const char *term = getenv("TERM");

	view->terminal = isatty(1) && term != NULL && strcmp(term, "dumb") != 0;
	view->started_ms = jobs_now_ms();
	print_header(view);
	fflush(stdout);
}

void
view_update(struct view *view)
{
	struct buffer line = {0};

	wipe(view);
	for (; view->printed < view->count && row_ended(&view->rows[view->printed]); view->printed++) {
		line.length = 0;
		row_result(view, &view->rows[view->printed], &line);
		puts(buffer_string(&line));
	}
	buffer_free(&line);
	fflush(stdout);
	view->shown_ms = 0;
	view_tick(view);
}

static bool
trial_counts_as_passed(const struct view *view, const struct row *row, const struct trial *t)
{
	return view->compare ? agree(row) : t->passed;
}

static void
explain(const struct view *view, const struct row *row, const struct trial *t)
{
	struct buffer text = {0};

	printf("\n%s %s: %s\n", row->test->workload, row->test->node, view->compare ? engine_verdict(t) : t->why);
	trial_command(t, &text);
	printf("  %s\n", buffer_string(&text));
	text.length = 0;
	trial_tail(t, &text);
	printf("  its last lines:\n%s\n", buffer_string(&text));
	buffer_free(&text);
}

bool
view_failures(struct view *view)
{
	bool passed = true;

	wipe(view);
	for (size_t i = 0; i < view->count; i++) {
		struct row *row = &view->rows[i];

		for (size_t k = 0; k < row->count; k++) {
			if (trial_counts_as_passed(view, row, row->trials[k]))
				continue;
			explain(view, row, row->trials[k]);
			passed = false;
		}
	}
	return passed;
}

void
view_interrupted(struct view *view)
{
	wipe(view);
	puts("interrupted");
	fflush(stdout);
}

void
view_summary(const struct view *view)
{
	size_t passed = 0, failed = 0;

	for (size_t i = 0; i < view->count; i++) {
		const struct row *row = &view->rows[i];
		size_t trials = view->compare ? 1 : row->count;

		for (size_t k = 0; k < trials; k++) {
			if (trial_counts_as_passed(view, row, row->trials[k]))
				passed++;
			else
				failed++;
		}
	}
	printf("%zu %s, %zu %s in %lld s\n", passed, view->compare ? "agree" : "passed", failed,
	    view->compare ? "differ" : "failed", (long long)(jobs_now_ms() - view->started_ms) / 1000);
}
