/*
 * Messages of a peer gone wrong: of each type, with fields that are right, or
 * missing, or of another type, or beyond all bounds. Nothing that comes of
 * them can be right, but no node may die of it. Claims are not for such a
 * world: what is told there is not true.
 */
#ifndef LIES_H
#define LIES_H

#include "world.h"

#define LIES_FIELDS 10

enum lie { LIE_END, LIE_NUMBER, LIE_BOOL, LIE_TEXT, LIE_OBJECT, LIE_LIST, LIE_ENTRIES };

struct lie_type {
	const char *name;
	struct {
		const char *name;
		enum lie kind;
	} fields[LIES_FIELDS];
};

static int64_t
lie_number(struct world *w)
{
	static const int64_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 50, 3000, 4097, (int64_t)1 << 32,
	    ((int64_t)1 << 60) - 1, (int64_t)1 << 60, ((int64_t)1 << 60) + 1, INT64_MAX / 2, INT64_MAX / 2 + 1,
	    INT64_MAX - 1, INT64_MAX, -1, -2, -64, -4096, INT64_MIN, INT64_MIN + 1};
	size_t plausible = 13, all = sizeof(numbers) / sizeof(numbers[0]);

	return numbers[random_below(&w->random, random_below(&w->random, 3) > 0 ? plausible : all)];
}

/* Something of the right kind, though perhaps of no sense. */
static json_t *
lie_value(struct world *w, enum lie kind)
{
	static const char *const texts[] = {"", "{}", "[]", "{\"1\":2}", "x", "n1", "{\"1\":"};
	json_t *entries;

	switch (kind) {
	case LIE_NUMBER:
		return json_integer(lie_number(w));
	case LIE_BOOL:
		return json_boolean(random_below(&w->random, 2));
	case LIE_TEXT:
		return json_string(texts[random_below(&w->random, sizeof(texts) / sizeof(texts[0]))]);
	case LIE_OBJECT:
		return random_below(&w->random, 2) == 0
			   ? json_pack("{s:i, s:i}", "key", 1, "value", 2)
			   : json_pack("{s:i, s:[I, I, I]}", "value", 3, "changes", (json_int_t)lie_number(w),
				 (json_int_t)lie_number(w), (json_int_t)lie_number(w));
	case LIE_LIST:
		return json_pack("[I, I]", (json_int_t)lie_number(w), (json_int_t)lie_number(w));
	default:
		entries = json_array();
		while (random_below(&w->random, 3) > 0)
			json_array_append_new(entries,
			    random_below(&w->random, 2) == 0
				? json_pack("[I, [{s:i, s:i}]]", (json_int_t)lie_number(w), "key", 1, "value", 2)
				: json_pack("[I, [{}, I, I, I]]", (json_int_t)lie_number(w), (json_int_t)lie_number(w),
				      (json_int_t)lie_number(w), (json_int_t)lie_number(w)));
		return entries;
	}
}

static json_t *
lie_body(struct world *w, const struct lie_type *type)
{
	json_t *body = json_pack("{s:s}", "type", type->name);

	for (int i = 0; i < LIES_FIELDS && type->fields[i].kind != LIE_END; i++) {
		const char *name = type->fields[i].name;

		switch (random_below(&w->random, 24)) {
		case 0:
			break;
		case 1:
			json_object_set_new(body, name, json_null());
			break;
		case 2:
			json_object_set_new(
			    body, name, lie_value(w, LIE_NUMBER + (enum lie)random_below(&w->random, LIE_ENTRIES)));
			break;
		case 3:
			json_object_set_new(body, name, json_real(1.5));
			break;
		default:
			json_object_set_new(body, name, lie_value(w, type->fields[i].kind));
		}
	}
	return body;
}

/* Tells some node something in the name of another one. `finish` adds what all messages have; may be NULL. */
static void
lie_tell(struct world *w, const struct lie_type *types, size_t count, json_t *(*finish)(struct world *, json_t *body))
{
	int dest = (int)random_below(&w->random, (uint64_t)w->count);
	int src = (dest + 1 + (int)random_below(&w->random, (uint64_t)w->count - 1)) % w->count;
	json_t *body = lie_body(w, &types[random_below(&w->random, count)]);
	json_t *message;
	char *text;

	if (finish != NULL)
		body = finish(w, body);
	message = json_pack("{s:s, s:s, s:o}", "src", w->actors[src].id, "dest", w->actors[dest].id, "body", body);
	text = json_dumps(message, 0);

	if (getenv("WORLD_LOG") != NULL)
		fprintf(stderr, "%lld %s\n", (long long)w->now_ms, text);
	world_feed(w, dest, text);
	free(text);
	json_decref(message);
}

static void
lie_claim_nothing(struct world *w)
{
	json_decref(w->claims);
	w->claims = NULL;
}

#endif
