/*
 * What a fuzz target draws from its input, byte by byte, and values of JSON
 * made and changed by that: what is well-formed but for one place gets further
 * into a program than what is not. Included by one target.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *bytes;
	size_t length;
};

/* 0 when the input is at its end. */
static unsigned
draw(struct input *input, unsigned bound)
{
	assert(bound > 0);
	if (input->length == 0)
		return 0;
	input->length--;
	return *input->bytes++ % bound;
}

/* ---- values ------------------------------------------------------------------------- */

/* What programs trip over, and small numbers, of which there are more: two that are equal meet more often. */
static json_t *
draw_value(struct input *input)
{
	static const char *const texts[] = {"null", "true", "false", "-1", "-2", "31", "32", "63", "64", "65", "255",
	    "256", "4096", "65536", "2147483647", "2147483648", "-2147483648", "4294967295", "4294967296",
	    "1099511627776", "4503599627370496", "9007199254740993", "9223372036854775807", "9223372036854775806",
	    "-9223372036854775808", "-9223372036854775807", "1.5", "1e300", "\"\"", "\"a\"", "\"n0\"", "\"n1\"",
	    "\"n2\"", "\"n9\"", "\"c1\"", "\"lin-kv\"", "\"r\"", "\"w\"", "\"append\"", "\"\\u0000\"", "\"x\\u0000y\"",
	    "[]", "[[]]", "{}", "[0]", "[0,0]", "[1,2,3]", "[null]", "[[0,0]]", "[[0,[0]]]", "[[0,0,0,0]]", "{\"0\":0}",
	    "{\"n1\":0}", "{\"key\":1}", "{\"life\":1}", "[\"r\",0,null]", "[[\"r\",0,null]]", "[[\"append\",0,1]]",
	    "[[\"w\",0,1]]"};
	unsigned count = sizeof(texts) / sizeof(texts[0]), choice = draw(input, 2 * count);

	return choice < count ? json_loads(texts[choice], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
			      : json_integer((json_int_t)(choice - count) % 8);
}

/* ---- places: every value within a container, in order --------------------------------- */

static size_t
places(const json_t *value)
{
	size_t count = 0, i;
	const char *key;
	json_t *item;

	if (json_is_array(value))
		json_array_foreach (value, i, item)
			count += 1 + places(item);
	else if (json_is_object(value))
		json_object_foreach ((json_t *)(uintptr_t)value, key, item)
			count += 1 + places(item);
	return count;
}

/* One place of a container. */
struct place {
	json_t *parent, *value; /* NULL: not found */
	const char *key;
	size_t index;
};

/* Counts *place down, and ends at 0. */
static struct place
find_place(json_t *value, size_t *place)
{
	struct place found = {0};
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_array(value)) {
		json_array_foreach (value, i, item) {
			if ((*place)-- == 0)
				return (struct place){value, item, NULL, i};
			found = find_place(item, place);
			if (found.parent != NULL)
				return found;
		}
	} else if (json_is_object(value)) {
		json_object_foreach (value, key, item) {
			if ((*place)-- == 0)
				return (struct place){value, item, key, 0};
			found = find_place(item, place);
			if (found.parent != NULL)
				return found;
		}
	}
	return found;
}

static struct place
draw_place(struct input *input, json_t *value)
{
	size_t count = places(value), place;

	if (count == 0)
		return (struct place){0};
	place = (draw(input, 256) * 256 + draw(input, 256)) % count;
	return find_place(value, &place);
}

static void
put(const struct place *place, json_t *value /* stolen */)
{
	if (place->key != NULL)
		json_object_set_new(place->parent, place->key, value);
	else
		json_array_set_new(place->parent, place->index, value);
}

static void
take_away(const struct place *place)
{
	if (place->key != NULL)
		json_object_del(place->parent, place->key);
	else
		json_array_remove(place->parent, place->index);
}

static json_t *
changed_number(struct input *input, const json_t *value)
{
	static const uint64_t steps[] = {1, 2, 3, 10, 64, 1000, (uint64_t)1 << 32, (uint64_t)1 << 63};
	uint64_t number = (uint64_t)json_integer_value(value),
		 step = steps[draw(input, sizeof(steps) / sizeof(steps[0]))];

	return json_integer((json_int_t)(draw(input, 2) == 0 ? number + step : number - step));
}

/* Changes one place within `value`, or none. */
static void
mutate(struct input *input, json_t *value)
{
	struct place place = draw_place(input, value), other;

	if (place.parent == NULL)
		return;
	switch (draw(input, 6)) {
	case 0:
		take_away(&place);
		break;
	case 1:
		if (json_is_integer(place.value)) {
			put(&place, changed_number(input, place.value));
			break;
		}
		/* FALLTHROUGH */
	case 2:
		put(&place, draw_value(input));
		break;
	case 3: /* what stands elsewhere; a copy, or the value could come to be within itself */
		other = draw_place(input, value);
		put(&place, json_deep_copy(other.value));
		break;
	case 4: /* once more */
		if (json_is_array(place.parent))
			json_array_insert_new(place.parent, place.index, json_deep_copy(place.value));
		else
			put(&place, json_pack("[O]", place.value));
		break;
	default: /* one more in it */
		if (json_is_array(place.value))
			json_array_append_new(place.value, draw_value(input));
		else if (json_is_object(place.value))
			json_object_set_new(place.value, "n9", draw_value(input));
		else
			put(&place, draw_value(input));
	}
}

#endif
