/* Journals as arrays with holes, and links with one timer for all of them. */
#include "journals.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define NEVER INT64_MAX

/* One node's journal, or what we have of it. */
struct journal {
	json_t **entries; /* owned; NULL: a hole */
	int64_t have;     /* entries before the first hole */
	int64_t end, capacity;
	int64_t safe; /* as its writer said; it may be more than we have */
};

struct journals_link {
	int64_t acked;     /* entries of our journal that the peer has */
	int64_t sent;      /* ... if all we said arrives */
	int64_t said_safe; /* what the peer was told of our journal's safety ... */
	int64_t owed;      /* ... and up to where it waits for that */
	int64_t due; /* when something is to be said, if that is not too soon after last_sent; NEVER: nothing is */
	int64_t last_sent, last_heard;
	int64_t since; /* since when no news came of what is unacknowledged; NEVER: nothing is */
	bool silent;
};

static struct journal *
own(const struct journals *j, const struct node *n)
{
	return &j->journals[node_index(n)];
}

/* ---- journals ------------------------------------------------------------------ */

/* Puts an entry into its place, if that is near enough and empty. Borrows it. */
static void
place(struct journal *journal, int64_t position, json_t *entry)
{
	if (position < journal->have || position >= journal->have + JOURNALS_GAP_MAX)
		return;
	if (position >= journal->capacity) {
		int64_t old = journal->capacity;

		journal->capacity = 2 * position + 16;
		journal->entries =
		    memory_resize(journal->entries, (size_t)journal->capacity, sizeof(*journal->entries));
		memset(&journal->entries[old], 0, (size_t)(journal->capacity - old) * sizeof(*journal->entries));
	}
	if (journal->entries[position] == NULL)
		journal->entries[position] = json_incref(entry);
	if (position >= journal->end)
		journal->end = position + 1;
}

/* Takes what is in order by now. It is durable before anybody hears of it. */
static void
advance(struct journals *j, struct node *n, int writer, bool store)
{
	struct journal *journal = &j->journals[writer];
	int64_t before = journal->have;

	while (journal->have < journal->end && journal->entries[journal->have] != NULL) {
		json_t *entry = journal->entries[journal->have];

		if (store && node_is_durable(n))
			node_append(n, memory_made(json_pack("[s, O]", node_peer(n, writer), entry)));
		journal->have++;
		j->user->apply(n, writer, journal->have - 1, entry);
	}
	if (store && journal->have > before)
		node_sync(n);
}

/* ---- what is safe ---------------------------------------------------------------- */

static int
compare_descending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y) - (x > y);
}

/* How much of our journal a majority has. */
static int64_t
at_majority(const struct journals *j, const struct node *n)
{
	int count = node_count(n);
	int64_t *have = memory_resize(NULL, (size_t)count, sizeof(*have)), result;

	for (int i = 0; i < count; i++)
		have[i] = i == node_index(n) ? own(j, n)->have : j->links[i].acked;
	qsort(have, (size_t)count, sizeof(*have), compare_descending);
	result = have[count / 2];
	free(have);
	return result;
}

/* After an append or an acknowledgement. */
static void
update_safe(struct journals *j, struct node *n)
{
	int64_t safe = j->majority ? at_majority(j, n) : own(j, n)->have;

	if (safe <= j->safe)
		return;
	j->safe = safe;
	for (int i = 0; i < node_count(n); i++)
		if (j->links[i].owed > j->links[i].said_safe)
			journals_want(j, n, i, 0);
	j->user->safe(n, node_index(n));
}

bool
journals_is_safe(const struct journals *j, const struct node *n, int writer, int64_t position)
{
	const struct journal *journal = &j->journals[writer];

	if (writer == node_index(n))
		return position < j->safe;
	return position < journal->have && position < journal->safe;
}

/* ---- saying ------------------------------------------------------------------------ */

static bool
is_waiting(const struct journals *j, struct node *n, int peer)
{
	return j->links[peer].acked < j->links[peer].sent || j->user->waiting(n, peer);
}

/* The next entries of our journal for that link, which is moved behind them. */
static json_t *
pack_entries(struct journals *j, struct node *n, struct journals_link *link)
{
	struct journal *journal = own(j, n);
	json_t *entries = memory_made(json_array());
	size_t bytes = 0;
	int count = 0;

	for (; link->sent < journal->have && count < JOURNALS_ENTRIES_MAX && bytes < JOURNALS_BYTES_MAX; count++) {
		json_t *entry = journal->entries[link->sent++];

		if (json_array_append(entries, entry) == -1)
			memory_exhausted();
		bytes += json_dumpb(entry, NULL, 0, JSON_COMPACT);
	}
	return entries;
}

static void
say(struct journals *j, struct node *n, int peer)
{
	struct journals_link *link = &j->links[peer];
	int64_t from = link->sent;
	json_t *entries = pack_entries(j, n, link);
	json_t *body = memory_made(json_pack("{s:s, s:I, s:o, s:I, s:I}", "type", "journal", "from", (json_int_t)from,
	    "entries", entries, "have", (json_int_t)j->journals[peer].have, "safe", (json_int_t)j->safe));

	link->due = link->sent < own(j, n)->have ? node_now_ms(n) : NEVER;
	j->user->pack(n, peer, body);
	link->said_safe = j->safe;
	link->last_sent = node_now_ms(n);
	if (link->silent || (link->since == NEVER && is_waiting(j, n, peer)))
		link->since = node_now_ms(n);
	node_send(n, node_peer(n, peer), body);
}

/* What was said is not acknowledged in time: it counts as lost. */
static void
say_again(struct journals *j, struct node *n, int peer)
{
	struct journals_link *link = &j->links[peer];

	link->sent = link->acked;
	link->since = NEVER;
	if (!link->silent && node_now_ms(n) - link->last_heard >= JOURNALS_RETRY_MS) {
		node_log(n, LOG_LEVEL_TRACE, "%s is silent", node_peer(n, peer));
		link->silent = true;
		j->user->silent(n, peer);
	}
	say(j, n, peer);
}

/* ---- when to say it ------------------------------------------------------------------ */

static int64_t
said_again_at(const struct journals_link *link)
{
	if (link->since == NEVER)
		return NEVER;
	return link->since + (link->silent ? JOURNALS_PROBE_MS : JOURNALS_RETRY_MS);
}

static int64_t
said_at(const struct journals *j, const struct journals_link *link)
{
	if (link->silent || link->due == NEVER)
		return NEVER;
	return link->due > link->last_sent + j->batch_ms ? link->due : link->last_sent + j->batch_ms;
}

static void flush(struct node *, void *);

/* There will be a flush at that time, or before. */
static void
arm(struct journals *j, struct node *n, int64_t due)
{
	int64_t now = node_now_ms(n);

	if (due == NEVER || (j->timer != 0 && j->timer_due <= due))
		return;
	node_cancel(n, j->timer);
	j->timer_due = due;
	j->timer = node_after(n, due > now ? due - now : 0, flush, j, NULL);
}

static void
schedule(struct journals *j, struct node *n)
{
	for (int i = 0; i < node_count(n); i++) {
		arm(j, n, said_at(j, &j->links[i]));
		arm(j, n, said_again_at(&j->links[i]));
	}
}

static void
flush(struct node *n, void *arg)
{
	struct journals *j = arg;

	j->timer = 0;
	for (int i = 0; i < node_count(n); i++)
		if (said_again_at(&j->links[i]) <= node_now_ms(n))
			say_again(j, n, i);
		else if (said_at(j, &j->links[i]) <= node_now_ms(n))
			say(j, n, i);
	schedule(j, n);
}

void
journals_want(struct journals *j, struct node *n, int peer, int64_t wait_ms)
{
	struct journals_link *link = &j->links[peer];

	if (peer == node_index(n) || link->due <= node_now_ms(n) + wait_ms)
		return;
	link->due = node_now_ms(n) + wait_ms;
	arm(j, n, said_at(j, link));
}

void
journals_owe(struct journals *j, struct node *n, int peer, int64_t position)
{
	struct journals_link *link = &j->links[peer];

	if (position >= link->owed)
		link->owed = position + 1;
	if (j->safe > link->said_safe)
		journals_want(j, n, peer, 0);
}

int64_t
journals_append(struct journals *j, struct node *n, json_t *entry)
{
	struct journal *journal = own(j, n);

	place(journal, journal->have, entry);
	json_decref(entry);
	advance(j, n, node_index(n), true);
	for (int i = 0; i < node_count(n); i++)
		journals_want(j, n, i, j->majority ? 0 : j->lag_ms);
	update_safe(j, n);
	return journal->have - 1;
}

/* ---- hearing --------------------------------------------------------------------------- */

bool
journals_is_silent(const struct journals *j, int peer)
{
	return j->links[peer].silent;
}

bool
journals_has_majority(const struct journals *j, const struct node *n)
{
	int heard = 0;

	for (int i = 0; i < node_count(n); i++)
		heard += !j->links[i].silent;
	return heard > node_count(n) / 2;
}

/* The peer has so much of our journal. */
static void
acknowledged(struct journals *j, struct node *n, struct journals_link *link, int64_t have)
{
	if (have > own(j, n)->have) {
		node_log(n, LOG_LEVEL_ERROR, "a peer has more of our journal than we: our memory was lost");
		return;
	}
	if (have <= link->acked)
		return;
	link->acked = have;
	if (have > link->sent)
		link->sent = have;
	if (link->since != NEVER)
		link->since = node_now_ms(n);
	update_safe(j, n);
}

/* After a message was taken in; `news`: there were entries in it that we lacked. */
static void
heard(struct journals *j, struct node *n, int peer, bool news)
{
	struct journals_link *link = &j->links[peer];

	link->last_heard = node_now_ms(n);
	if (link->silent) {
		node_log(n, LOG_LEVEL_TRACE, "%s is heard again", node_peer(n, peer));
		link->silent = false;
		link->sent = link->acked;
		link->since = NEVER;
		journals_want(j, n, peer, 0);
	}
	if (!is_waiting(j, n, peer))
		link->since = NEVER;
	else if (news && link->acked == link->sent)
		link->since = node_now_ms(n);
	schedule(j, n);
}

/* Returns whether there was anything new. Who says nothing new has not heard what we have. */
static bool
take(struct journals *j, struct node *n, int peer, json_int_t from, json_t *entries)
{
	struct journal *journal = &j->journals[peer];
	int64_t had = journal->have;
	json_t *entry;
	size_t i;

	if (from < 0 || from > NEVER / 2 || json_array_size(entries) == 0)
		return false;
	json_array_foreach (entries, i, entry)
		place(journal, from + (json_int_t)i, entry);
	advance(j, n, peer, true);
	if (j->majority || from + (json_int_t)json_array_size(entries) <= had)
		journals_want(j, n, peer, 0);
	else
		journals_want(j, n, peer, JOURNALS_ACK_MS);
	return journal->have > had;
}

void
journals_receive(struct journals *j, struct node *n, const struct message *m)
{
	int peer = node_find(n, m->src);
	json_int_t from, have, safe;
	struct journal *journal;
	json_t *entries;
	bool news;

	if (peer == -1 || peer == node_index(n) ||
	    !node_unpack(
		n, m, "{s:I, s:o, s:I, s:I}", "from", &from, "entries", &entries, "have", &have, "safe", &safe))
		return;
	journal = &j->journals[peer];
	news = take(j, n, peer, from, entries);
	if (safe > journal->safe)
		journal->safe = safe;
	j->user->safe(n, peer);
	acknowledged(j, n, &j->links[peer], have);
	j->user->unpack(n, peer, m->body);
	heard(j, n, peer, news);
}

/* ---- beginning and end ------------------------------------------------------------------- */

/* What was there before a restart. What the others have of our journal, they will say when they get it again. */
static void
load(struct journals *j, struct node *n)
{
	json_t *record, *entry;
	const char *id;

	while ((record = node_next_record(n)) != NULL) {
		int writer = json_unpack(record, "[s, o]", &id, &entry) == 0 ? node_find(n, id) : -1;

		if (writer == -1) {
			node_fail(n, "a stored record is of no known form");
			return;
		}
		place(&j->journals[writer], j->journals[writer].have, entry);
		advance(j, n, writer, false);
	}
	for (int i = 0; own(j, n)->have > 0 && i < node_count(n); i++)
		journals_want(j, n, i, j->lag_ms);
	update_safe(j, n);
}

void
journals_start(struct journals *j, struct node *n)
{
	size_t count = (size_t)node_count(n);

	j->journals = memory_zero(count * sizeof(*j->journals));
	j->links = memory_zero(count * sizeof(*j->links));
	for (size_t i = 0; i < count; i++)
		j->links[i] = (struct journals_link){.due = NEVER,
		    .since = NEVER,
		    .last_sent = node_now_ms(n) - j->batch_ms,
		    .last_heard = node_now_ms(n)};
	load(j, n);
}

void
journals_stop(struct journals *j, struct node *n)
{
	for (int i = 0; i < node_count(n); i++) {
		for (int64_t k = 0; k < j->journals[i].end; k++)
			json_decref(j->journals[i].entries[k]);
		free(j->journals[i].entries);
	}
	free(j->journals);
	free(j->links);
}
