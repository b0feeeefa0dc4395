/* The progress line: time, operations by outcome, messages a second, the faults in force. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory.h"

#define TICK_NS (200 * MS_NS)

struct progress {
	struct loop *loop;
	struct net *net;
	const struct test_options *options;
	const struct generator *generator;
	bool terminal, drawn;
	int phase; /* the last one that was told of; -1: none */
	uint64_t timer;
	uint64_t messages; /* at the last tick */
	int64_t ticked;
};

static const char *const phases[] = {
    [PHASE_MAIN] = "operations",
    [PHASE_LIVENESS] = "liveness",
    [PHASE_RECOVERY] = "recovery",
    [PHASE_FINAL] = "final reads",
    [PHASE_DONE] = "done",
};

static double
seconds(int64_t ns)
{
	return (double)ns / (double)S_NS;
}

static void
erase(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}

void
progress_say(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (p == NULL)
		return;
	erase(p);
	fprintf(stderr, "%6.1f s  ", seconds(loop_now(p->loop)));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void
draw(struct progress *p, const struct generator_progress *now)
{
	int64_t time = loop_now(p->loop);
	uint64_t messages = net_stats(p->net)->all.received;
	double rate = (double)(messages - p->messages) / seconds(time > p->ticked ? time - p->ticked : 1);

	fprintf(stderr, "\r\033[K%6.1f s  %s  %" PRIu64 " ok  %" PRIu64 " fail  %" PRIu64 " info  %.0f messages/s",
	    seconds(time), phases[now->phase], now->ok, now->fail, now->info, rate);
	if (now->fault != NULL)
		fprintf(stderr, "  %s", now->fault);
	fflush(stderr);
	p->drawn = true;
	p->messages = messages;
	p->ticked = time;
}

static void
tell_phase(struct progress *p, const struct generator_progress *now)
{
	if ((int)now->phase == p->phase)
		return;
	p->phase = (int)now->phase;
	if (now->phase == PHASE_MAIN)
		progress_say(p, "all nodes are up: operations for %" PRId64 " s", p->options->time_limit_s);
	else if (now->phase == PHASE_LIVENESS)
		progress_say(p, "%" PRIu64 " operations; is everybody alive?", now->invoked);
	else if (now->phase == PHASE_RECOVERY)
		progress_say(p, "%" PRIu64 " operations; recovery for %g s", now->invoked, p->options->recovery_s);
	else if (now->phase == PHASE_FINAL)
		progress_say(p, "final reads");
}

static void
tick(void *arg)
{
	struct progress *p = arg;

	p->timer = loop_after(p->loop, TICK_NS, tick, p);
	if (p->generator == NULL)
		return;
	tell_phase(p, generator_progress(p->generator));
	if (p->terminal)
		draw(p, generator_progress(p->generator));
}

struct progress *
progress_start(struct loop *loop, struct net *net, const struct test_options *options)
{
	struct progress *p;

	if (options->quiet || loop_is_virtual(loop))
		return NULL;
	p = memory_zero(sizeof(*p));
	p->loop = loop;
	p->net = net;
	p->options = options;
	p->terminal = isatty(STDERR_FILENO) == 1;
	p->phase = -1;
	tick(p);
	return p;
}

void
progress_generator(struct progress *p, const struct generator *generator)
{
	if (p == NULL)
		return;
	p->generator = generator;
	if (generator != NULL)
		tell_phase(p, generator_progress(generator));
}

void
progress_stop(struct progress *p)
{
	if (p == NULL)
		return;
	erase(p);
	loop_cancel(p->loop, p->timer);
	free(p);
}
