/*
 * Dependencies between transactions that append to lists and read them
 * (elle.list-append/graph): who appended next after whom (ww), who read a list
 * that ends with whose element (wr), and who read a list to which whose element
 * was then appended (rw).
 */
#include "list_append.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static bool
is_possible(const struct elle_txn *txn)
{
	return txn->type == OP_OK || txn->type == OP_INFO;
}

/* ---- indices ------------------------------------------------------------------------------------------ */

/* What a read says about a version: that of its last element, or the key's empty list. */
static size_t
state_read(const struct elle *elle, const struct elle_mop *mop)
{
	if (mop->count > 0)
		return elle->elements[mop->first + mop->count - 1];
	return (size_t)elle->version_count + mop->key;
}

/* An indefinite operation's nil is what it asked with. */
static bool
is_observed(const struct elle_txn *txn, const struct elle_mop *mop)
{
	return !mop->write && !(mop->nil && txn->type == OP_INFO);
}

static void
index_writers(struct list_state *state, const struct elle *elle)
{
	const struct elle_mop *mop;
	uint32_t t, m;

	state->writer = memory_alloc(((size_t)elle->version_count + 1) * sizeof(*state->writer));
	memset(state->writer, 0xff, ((size_t)elle->version_count + 1) * sizeof(*state->writer));
	for (t = 0; t < elle->completed; t++) {
		for (m = 0; is_possible(&elle->txns[t]) && m < elle->txns[t].done.count; m++) {
			mop = elle_mop(elle, elle->txns[t].done, m);
			if (mop->write)
				state->writer[elle->elements[mop->first]] = t;
		}
	}
}

/* Counts readers, or with `place` puts them where they belong. */
static void
go_through_readers(struct list_state *state, const struct elle *elle, size_t *place)
{
	const struct elle_mop *mop;
	const struct elle_txn *txn;
	uint32_t t, m;

	for (t = 0; t < elle->completed; t++) {
		txn = &elle->txns[t];
		for (m = 0; is_possible(txn) && m < txn->done.count; m++) {
			mop = elle_mop(elle, txn->done, m);
			if (!is_observed(txn, mop))
				continue;
			if (place == NULL)
				state->first_reader[state_read(elle, mop) + 1]++;
			else
				state->readers[place[state_read(elle, mop)]++] = t;
		}
	}
}

static void
index_readers(struct list_state *state, const struct elle *elle)
{
	size_t states = (size_t)elle->version_count + elle->key_count, i;
	size_t *place = memory_alloc((states + 1) * sizeof(*place));

	state->first_reader = memory_zero((states + 1) * sizeof(*state->first_reader));
	go_through_readers(state, elle, NULL);
	for (i = 0; i < states; i++)
		state->first_reader[i + 1] += state->first_reader[i];
	memcpy(place, state->first_reader, (states + 1) * sizeof(*place));
	state->readers = memory_alloc((state->first_reader[states] + 1) * sizeof(*state->readers));
	go_through_readers(state, elle, place);
	free(place);
}

/* ---- dependencies ------------------------------------------------------------------------------------------ */

static void
link_append(struct elle *elle, const struct list_state *state, uint32_t txn, const struct elle_mop *mop)
{
	uint32_t previous = list_previous(&state->orders, elle, elle->elements[mop->first]), reader = ELLE_NONE;
	size_t read = previous != ELLE_NONE ? previous : (size_t)elle->version_count + mop->key, i;

	if (previous != ELLE_NONE && state->writer[previous] != ELLE_NONE)
		elle_link(elle, state->writer[previous], txn, ELLE_WW);
	for (i = state->first_reader[read]; i < state->first_reader[read + 1]; i++) {
		if (state->readers[i] != reader)
			elle_link(elle, state->readers[i], txn, ELLE_RW);
		reader = state->readers[i];
	}
}

static void
link_read(struct elle *elle, const struct list_state *state, uint32_t txn, const struct elle_mop *mop)
{
	uint32_t writer = mop->count > 0 ? state->writer[state_read(elle, mop)] : ELLE_NONE;

	if (writer != ELLE_NONE)
		elle_link(elle, writer, txn, ELLE_WR);
}

static void
link_all(struct elle *elle, const struct list_state *state)
{
	const struct elle_mop *mop;
	uint32_t t, m;

	for (t = 0; t < elle->completed; t++) {
		for (m = 0; is_possible(&elle->txns[t]) && m < elle->txns[t].done.count; m++) {
			mop = elle_mop(elle, elle->txns[t].done, m);
			if (mop->write)
				link_append(elle, state, t, mop);
			else
				link_read(elle, state, t, mop);
		}
	}
}

/* ---- explanations -------------------------------------------------------------------------------------------- */

/* The place of the first append of a version, or read that ends with it; ELLE_NONE for the empty list. */
static uint32_t
find_mop(const struct elle *elle, uint32_t txn, uint32_t key, uint32_t version, bool write)
{
	const struct elle_mop *mop;
	size_t state = version != ELLE_NONE ? version : (size_t)elle->version_count + key;

	for (uint32_t m = 0; m < elle->txns[txn].done.count; m++) {
		mop = elle_mop(elle, elle->txns[txn].done, m);
		if (mop->write == write && mop->key == key && state_read(elle, mop) == state)
			return m;
	}
	return ELLE_NONE;
}

static void
put_index(struct elle *elle, struct value *map, const char *name, uint32_t index)
{
	value_put_int(elle->arena, map, name, index != ELLE_NONE ? (int64_t)index : -1);
}

static const struct value *
element(struct elle *elle, uint32_t version)
{
	return version != ELLE_NONE ? elle->version_values[version]
				    : value_keyword(elle->arena, "elle.list-append/init");
}

static const struct value *
explain_append(struct elle *elle, uint32_t from, uint32_t to, uint32_t m, bool rw)
{
	const struct list_state *state = elle->state;
	const struct elle_mop *mop = elle_mop(elle, elle->txns[to].done, m);
	uint32_t version = elle->elements[mop->first], previous = list_previous(&state->orders, elle, version);
	uint32_t from_mop = find_mop(elle, from, mop->key, previous, !rw);
	struct value *map;

	if (from_mop == ELLE_NONE || (!rw && (previous == ELLE_NONE || state->writer[previous] != from)))
		return NULL;
	map = value_collection(elle->arena, VALUE_MAP);
	value_put_keyword(elle->arena, map, "type", value_keyword(elle->arena, rw ? "rw" : "ww"));
	value_put_keyword(elle->arena, map, "key", elle->keys[mop->key]);
	value_put_keyword(elle->arena, map, "value", element(elle, previous));
	value_put_keyword(elle->arena, map, "value'", element(elle, version));
	put_index(elle, map, "a-mop-index", from_mop);
	put_index(elle, map, "b-mop-index", m);
	return map;
}

static const struct value *
explain_read(struct elle *elle, uint32_t from, uint32_t to, uint32_t m)
{
	const struct list_state *state = elle->state;
	const struct elle_mop *mop = elle_mop(elle, elle->txns[to].done, m);
	uint32_t version = mop->count > 0 ? elle->elements[mop->first + mop->count - 1] : ELLE_NONE;
	struct value *map;

	if (version == ELLE_NONE || state->writer[version] != from)
		return NULL;
	map = value_collection(elle->arena, VALUE_MAP);
	value_put_keyword(elle->arena, map, "type", value_keyword(elle->arena, "wr"));
	value_put_keyword(elle->arena, map, "key", elle->keys[mop->key]);
	value_put_keyword(elle->arena, map, "value", element(elle, version));
	put_index(elle, map, "a-mop-index", find_mop(elle, from, mop->key, version, true));
	put_index(elle, map, "b-mop-index", m);
	return map;
}

static const struct value *
explain(struct elle *elle, uint32_t from, uint32_t to, enum elle_type type)
{
	const struct elle_txn *txn = &elle->txns[to];
	const struct value *step = NULL;

	for (uint32_t m = 0; m < txn->done.count && step == NULL; m++) {
		if (elle_mop(elle, txn->done, m)->write != (type != ELLE_WR))
			continue;
		step = type == ELLE_WR ? explain_read(elle, from, to, m)
				       : explain_append(elle, from, to, m, type == ELLE_RW);
	}
	return step;
}

static void
render(struct buffer *text, const struct value *step, const char *from, const char *to)
{
	const struct value *type = value_get(step, "type"), *value = value_get(step, "value");

	if (value_is_keyword(type, "ww"))
		buffer_printf(text, "%s appended ", from);
	else if (value_is_keyword(type, "wr"))
		buffer_printf(text, "%s read %s's append of ", to, from);
	else
		buffer_printf(text, "%s did not read %s's append of ", from, to);
	edn_write(text, value_is_keyword(type, "rw") ? value_get(step, "value'") : value);
	buffer_append_string(text, " to key ");
	edn_write(text, value_get(step, "key"));
	if (value_is_keyword(type, "ww")) {
		buffer_printf(text, " before %s appended ", to);
		edn_write(text, value_get(step, "value'"));
	} else if (value->type == VALUE_KEYWORD) {
		buffer_append_string(text, ", which was empty then");
	}
}

static const struct elle_workload workload = {
    .write = "append",
    .lists = true,
    .priority = {ELLE_WW, ELLE_WR, ELLE_RW},
    .explain = explain,
    .render = render,
};

/* ---- the checker ------------------------------------------------------------------------------------------------ */

const char *
list_describe(const struct elle *elle, uint32_t version)
{
	struct buffer text = {0};
	const char *copy;

	edn_write(&text, elle->version_values[version]);
	buffer_append_string(&text, " of key ");
	edn_write(&text, elle->keys[elle->version_keys[version]]);
	copy = arena_copy(elle->arena, text.bytes, text.length);
	buffer_free(&text);
	return copy;
}

/* Elle refuses a history in which an element is appended to a key twice: nothing could be inferred from it. */
static bool
appends_are_unique(struct elle *elle)
{
	bool *appended = memory_zero((size_t)elle->version_count + 1), good = true;
	const struct elle_mop *mop;
	uint32_t t, m;

	for (t = 0; t < elle->txn_count && good; t++) {
		for (m = 0; m < elle->txns[t].asked.count && good; m++) {
			mop = elle_mop(elle, elle->txns[t].asked, m);
			if (!mop->write)
				continue;
			if (appended[elle->elements[mop->first]])
				good = elle_fail(
				    elle, "appended twice: %s", list_describe(elle, elle->elements[mop->first]));
			appended[elle->elements[mop->first]] = true;
		}
	}
	free(appended);
	return good;
}

static void
find_all(struct elle *elle, struct list_state *state)
{
	list_orders_find(&state->orders, elle, LIST_POSSIBLE);
	list_find_internal(elle);
	list_find_aborted(elle);
	list_find_intermediate(elle);
	list_find_duplicates(elle);
	list_find_lost_updates(elle);
	list_find_incompatible_orders(elle, &state->orders);
	index_writers(state, elle);
	index_readers(state, elle);
	link_all(elle, state);
	elle_search(elle);
}

const struct value *
check_list_append(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct list_state state = {0};
	const struct value *result;
	struct elle elle;

	elle_init(&elle, arena, history, options, &workload, &state);
	if (elle_read(&elle) && appends_are_unique(&elle) && list_find_dirty_updates(&elle)) {
		find_all(&elle, &state);
		result = elle_result(&elle);
	} else {
		result = elle_failed(&elle);
	}
	list_orders_free(&state.orders);
	free(state.writer);
	free(state.first_reader);
	free(state.readers);
	elle_free(&elle);
	return result;
}
