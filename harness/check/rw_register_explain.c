/* Why a transaction on registers depends on another one, as data and in words. */
#include "rw_register.h"

/* ---- as data ------------------------------------------------------------------------------ */

/* The place of a micro-operation in its transaction. */
static int64_t
find_mop(const struct rw_register *rw, uint32_t txn, bool write, uint32_t key, uint32_t version)
{
	struct elle_mops done = rw->elle->txns[txn].done;
	const struct elle_mop *mop;

	for (uint32_t i = 0; i < done.count; i++) {
		mop = elle_mop(rw->elle, done, i);
		if (mop->write == write && mop->key == key && rw_version(rw, mop) == version)
			return i;
	}
	return -1;
}

/* What one of the transactions did to a key, as an edge has it. */
struct end {
	bool write;
	uint32_t version;
};

static struct end
end_of(const struct rw_access *access, bool write)
{
	return (struct end){write, write ? access->write : access->read};
}

static bool
is_edge(const struct rw_register *rw, enum elle_type type, struct end from, struct end to)
{
	if (from.version == ELLE_NONE || to.version == ELLE_NONE)
		return false;
	return type == ELLE_WR ? from.version == to.version : rw_is_before(rw, from.version, to.version);
}

static const struct value *
explain(struct elle *elle, uint32_t from, uint32_t to, enum elle_type type)
{
	const struct rw_register *rw = elle->state;
	const char *name = type == ELLE_WR ? "wr" : type == ELLE_WW ? "ww" : "rw";
	struct value *step = value_collection(elle->arena, VALUE_MAP);
	const struct rw_access *a, *b;
	struct end one, other;
	size_t i;

	for (i = rw->access_first[from]; i < rw->access_first[from + 1]; i++) {
		a = &rw->accesses[i];
		b = rw_access_of(rw, to, a->key);
		if (b == NULL)
			continue;
		one = end_of(a, type != ELLE_RW);
		other = end_of(b, type != ELLE_WR);
		if (!is_edge(rw, type, one, other))
			continue;
		value_put_keyword(elle->arena, step, "type", value_keyword(elle->arena, name));
		value_put_keyword(elle->arena, step, "key", elle->keys[a->key]);
		value_put_keyword(elle->arena, step, "value", rw_version_value(rw, one.version));
		if (type != ELLE_WR)
			value_put_keyword(elle->arena, step, "value'", rw_version_value(rw, other.version));
		value_put_int(elle->arena, step, "a-mop-index", find_mop(rw, from, one.write, a->key, one.version));
		value_put_int(elle->arena, step, "b-mop-index", find_mop(rw, to, other.write, a->key, other.version));
		break;
	}
	return step;
}

/* ---- in words ------------------------------------------------------------------------------- */

static void
put_value(struct buffer *text, const struct value *step, const char *key)
{
	edn_write(text, value_get(step, key));
}

static void
render(struct buffer *text, const struct value *step, const char *from, const char *to)
{
	const struct value *type = value_get(step, "type");

	buffer_append_string(text, from);
	buffer_append_string(text, value_is_keyword(type, "rw") ? " read key " : " set key ");
	put_value(text, step, "key");
	buffer_append_string(text, value_is_keyword(type, "rw") ? " = " : " to ");
	put_value(text, step, "value");
	if (value_is_keyword(type, "wr")) {
		buffer_printf(text, ", which %s read", to);
		return;
	}
	buffer_append_string(text, ", a version before the ");
	put_value(text, step, "value'");
	buffer_printf(text, " that %s set", to);
}

const struct elle_workload rw_register_workload = {
    .write = "w",
    .priority = {ELLE_WR, ELLE_WW, ELLE_RW},
    .explain = explain,
    .render = render,
};
