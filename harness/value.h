/*
 * Immutable data as clients, histories and checkers see it: all of JSON and
 * all of EDN. Numbers that no machine type holds are kept as text, so nothing
 * that Maelstrom accepts is lost. Values live in an arena, are shared freely
 * and never freed one by one.
 */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "buffer.h"

enum value_type {
	VALUE_NIL,
	VALUE_BOOL,
	VALUE_INT,     /* fits int64_t */
	VALUE_BIGINT,  /* decimal text without the N; never one that fits int64_t */
	VALUE_REAL,    /* a double */
	VALUE_FLOAT,   /* a double that Jepsen computed as a float: written with the digits of a float */
	VALUE_DECIMAL, /* text without the M */
	VALUE_CHAR,    /* a code point */
	VALUE_STRING,  /* UTF-8, may hold NUL; a surrogate without its other half is kept in three bytes */
	VALUE_KEYWORD, /* without the colon */
	VALUE_SYMBOL,
	VALUE_LIST,
	VALUE_VECTOR, /* JSON's array */
	VALUE_SET,
	VALUE_MAP,    /* items are key, value, key, value, ...; in order of insertion. JSON's object has string keys */
	VALUE_TAGGED, /* text is the tag, one item */
};

struct value {
	enum value_type type;
	union {
		bool boolean;
		int64_t integer; /* VALUE_INT, VALUE_CHAR */
		double real;
		struct {
			const char *text; /* NUL-terminated, NUL not counted */
			size_t length;
		};
		struct {
			const struct value **items;
			size_t count;    /* of items: twice the pairs of a map */
			size_t capacity; /* while it is being built */
			const char *tag; /* VALUE_TAGGED */
		};
	};
};

extern const struct value value_nil, value_true, value_false;

/* ---- making ------------------------------------------------------------- */

const struct value *value_bool(bool);
struct value *value_int(struct arena *, int64_t);
struct value *value_real(struct arena *, double);
struct value *value_float(struct arena *, double);
struct value *value_string(struct arena *, const char *);
struct value *value_string_n(struct arena *, const char *, size_t length);
struct value *value_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct value *value_keyword(struct arena *, const char *);
struct value *value_symbol(struct arena *, const char *);
struct value *value_char(struct arena *, int32_t code_point);
struct value *value_tagged(struct arena *, const char *tag, const struct value *);
/* An integer from decimal text of any length (optional minus): VALUE_INT if it fits, else VALUE_BIGINT. */
struct value *value_integer_text(struct arena *, const char *, size_t length);
/* A decimal from its text, without the M: minus, digits, point and digits, exponent; all but the first digits optional.
 */
struct value *value_decimal_text(struct arena *, const char *);

/* Empty collections, to be filled before they are shared. */
struct value *value_collection(struct arena *, enum value_type);
void value_push(struct arena *, struct value *, const struct value *item);
/* Puts a pair behind the others. */
void value_put(struct arena *, struct value *map, const struct value *key, const struct value *);
/* The same with a keyword, and with a string, as key. */
void value_put_keyword(struct arena *, struct value *map, const char *key, const struct value *);
void value_put_string(struct arena *, struct value *map, const char *key, const struct value *);
void value_put_int(struct arena *, struct value *map, const char *keyword, int64_t);

/* A deep copy, for handing a value to a longer-lived arena. */
const struct value *value_copy(struct arena *, const struct value *);

/* ---- asking ------------------------------------------------------------- */

/* What a map holds under a key, or NULL. value_get() takes a keyword, or failing that a string, of that name. */
const struct value *value_find(const struct value *map, const struct value *key);
const struct value *value_get(const struct value *map, const char *key);

bool value_is_string(const struct value *, const char *);
bool value_is_keyword(const struct value *, const char *);
bool value_is_integer(const struct value *); /* of any size */

/* Clojure's `=`: integers equal by value, never equal to reals; lists and vectors equal by items; maps and sets by
 * content. */
bool value_equal(const struct value *, const struct value *);
/* Agrees with value_equal(). The same on every machine. */
uint64_t value_hash(const struct value *);

/*
 * Clojure's `compare`. *comparable becomes false where Clojure would throw
 * (a string with a number, maps, sets), and is left alone otherwise; the
 * order is total all the same.
 */
int value_compare(const struct value *, const struct value *, bool *comparable);

/* ---- text --------------------------------------------------------------- */

/* As Clojure's pr-str prints it, on one line. */
void edn_write(struct buffer *, const struct value *);
/* Over several lines as Jepsen lays results.edn out; without a newline at the end. */
void edn_write_pretty(struct buffer *, const struct value *);

/*
 * Reads one EDN value (comments, #_ and tags included) at *cursor, and moves
 * it behind. Returns NULL at the end (*error NULL) or on a fault (*error says
 * what, and *cursor where). Depth is limited to EDN_DEPTH_MAX. As Clojure's
 * edn/read, with these differences: any tag is read as VALUE_TAGGED, metadata
 * is dropped, a ratio becomes a symbol of the same text, and keywords and
 * symbols may hold characters that Clojure would print but not read.
 */
#define EDN_DEPTH_MAX 1000
const struct value *edn_read(struct arena *, const char **cursor, const char *end, const char **error);
/* Moves to where the next value begins, or to the end. False on a fault (in what #_ discards). */
bool edn_skip(struct arena *, const char **cursor, const char *end, const char **error);

/*
 * Reads the JSON value at *cursor as Jackson does and moves it behind, under
 * Jackson's limits below. Returns NULL with *error set on a fault. Of equal
 * keys the last one counts. What follows the value is the caller's business.
 */
#define JSON_DEPTH_MAX  1000
#define JSON_NUMBER_MAX 1000     /* digits */
#define JSON_NAME_MAX   50000    /* UTF-16 units of a key */
#define JSON_STRING_MAX 20000000 /* UTF-16 units of a string */
const struct value *json_read(struct arena *, const char **cursor, const char *end, const char **error);

/*
 * Keywords, symbols and characters become strings, lists and sets arrays, what
 * is tagged loses its tag, big numbers stay numbers. Reals have the shortest
 * digits that read back equal and always a point; infinity and NaN become
 * strings, as Jackson writes them.
 */
void json_write(struct buffer *, const struct value *);

#endif
