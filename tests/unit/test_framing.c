/* Lines out of a stream: the same, however the stream is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "framing.h"

#define LIMIT 8

/* ---- feeding --------------------------------------------------------------- */

static void
write_down(struct buffer *seen, enum frame frame, const char *line, size_t length)
{
	if (frame == FRAME_LINE)
		buffer_printf(seen, "[%.*s]", (int)length, line);
	else
		buffer_printf(seen, "<%zu>", length);
}

static void
feed(struct framing *framing, const char *bytes, size_t length, struct buffer *seen)
{
	enum frame frame;
	char *line;
	size_t line_length;

	memcpy(framing_room(framing, length), bytes, length);
	framing_fed(framing, length);
	while ((frame = framing_next(framing, &line, &line_length)) != FRAME_NONE)
		write_down(seen, frame, line, line_length);
}

/* What comes out of `stream`, cut into pieces of `piece` bytes (0: of 1 to 9, in a fixed disorder). */
static const char *
frames(const char *stream, size_t length, size_t piece, struct buffer *seen)
{
	struct framing framing = {.limit = LIMIT};
	enum frame frame;
	char *line;
	size_t line_length;

	seen->length = 0;
	for (size_t at = 0, step; at < length; at += step) {
		step = piece > 0 ? piece : at * 7 % 9 + 1;
		if (step > length - at)
			step = length - at;
		feed(&framing, stream + at, step, seen);
	}
	frame = framing_rest(&framing, &line, &line_length);
	if (frame != FRAME_NONE) {
		buffer_append_char(seen, '~');
		write_down(seen, frame, line, line_length);
	}
	assert_int_equal(framing_rest(&framing, &line, &line_length), FRAME_NONE);
	framing_free(&framing);
	return buffer_string(seen);
}

static void
assert_frames(const char *stream, const char *expected)
{
	struct buffer seen = {0};
	size_t length = strlen(stream);

	for (size_t piece = 0; piece <= length; piece++)
		assert_string_equal(frames(stream, length, piece, &seen), expected);
	buffer_free(&seen);
}

/* ---- tests ----------------------------------------------------------------- */

static void
cuts_at_newlines(void **state)
{
	(void)state;
	assert_frames("", "");
	assert_frames("\n", "[]");
	assert_frames("a\nbc\n\nd\n", "[a][bc][][d]");
}

static void
takes_a_return_for_part_of_the_newline(void **state)
{
	(void)state;
	assert_frames("a\r\n\r\nb\r\n", "[a][][b]");
	assert_frames("a\rb\nc\r\r\n", "[a\rb][c\r]");
}

static void
keeps_the_rest(void **state)
{
	(void)state;
	assert_frames("a\nrest", "[a]~[rest]");
	assert_frames("rest\r", "~[rest\r]");
}

static void
accepts_a_line_at_the_limit(void **state)
{
	(void)state;
	assert_frames("12345678\n12345678\r\nx\n", "[12345678][12345678][x]");
	assert_frames("12345678", "~[12345678]");
}

static void
throws_away_a_line_over_the_limit(void **state)
{
	(void)state;
	assert_frames("123456789\nx\n", "<9>[x]");
	assert_frames("123456789\r\nx\n", "<9>[x]");
	assert_frames("12345678\rA\nx\n", "<10>[x]");
	assert_frames("123456789012345678901234567890\ny\r\n", "<30>[y]");
	assert_frames("123456789012345678901234567890\r\n\n", "<30>[]");
	assert_frames("1\n1234567890123456\n1234567890123456\n2\n", "[1]<16><16>[2]");
	assert_frames("123456789", "~<9>");
	assert_frames("12345678901234567890", "~<20>");
}

/* An endless line must not be collected. */
static void
holds_no_more_than_the_limit(void **state)
{
	struct framing framing = {.limit = LIMIT};
	struct buffer seen = {0};
	char piece[100];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 10000; i++)
		feed(&framing, piece, sizeof(piece), &seen);
	assert_true(framing.buffer.capacity <= 1024);
	feed(&framing, "\nok\n", 4, &seen);
	assert_string_equal(buffer_string(&seen), "<1000000>[ok]");
	framing_free(&framing);
	buffer_free(&seen);
}

static void
keeps_nul_bytes(void **state)
{
	struct framing framing = {.limit = LIMIT};
	char *line;
	size_t length;

	(void)state;
	memcpy(framing_room(&framing, 4), "a\0b\n", 4);
	framing_fed(&framing, 4);
	assert_int_equal(framing_next(&framing, &line, &length), FRAME_LINE);
	assert_int_equal(length, 3);
	assert_memory_equal(line, "a\0b", 3);
	framing_free(&framing);
}

/* Random streams over a small alphabet: every cut gives what one piece gives. */
static void
draw(char *stream, size_t length)
{
	static const char alphabet[] = "ab\r\n";
	static unsigned seed = 1;

	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		stream[i] = alphabet[seed >> 24 & ((seed >> 20 & 3) == 0 ? 3 : 1)];
	}
}

static void
any_cut_gives_the_same(void **state)
{
	struct buffer whole = {0}, cut = {0};

	(void)state;
	for (int round = 0; round < 2000; round++) {
		char stream[60];
		size_t length = (size_t)round % sizeof(stream);

		draw(stream, length);
		frames(stream, length, length > 0 ? length : 1, &whole);
		for (size_t piece = 0; piece < 12; piece++)
			assert_string_equal(frames(stream, length, piece, &cut), buffer_string(&whole));
	}
	buffer_free(&whole);
	buffer_free(&cut);
}

/* Three that are fed in turn, of which any may have an unfinished line. */
static void
shared_memory_changes_nothing(void **state)
{
	enum { STREAMS = 3, LENGTH = 60 };
	struct buffer spare = {0}, seen[STREAMS] = {{0}}, alone = {0};
	struct framing framings[STREAMS];
	char streams[STREAMS][LENGTH];

	(void)state;
	for (size_t round = 0; round < 2000; round++) {
		size_t step = round % 12 + 1;

		for (int i = 0; i < STREAMS; i++) {
			framings[i] = (struct framing){.limit = LIMIT};
			seen[i].length = 0;
			draw(streams[i], LENGTH - 1);
			streams[i][LENGTH - 1] = '\n';
		}
		for (size_t at = 0; at < LENGTH; at += step)
			for (int i = 0; i < STREAMS; i++) {
				framing_borrow(&framings[i], &spare);
				feed(&framings[i], streams[i] + at, at + step < LENGTH ? step : LENGTH - at, &seen[i]);
				framing_return(&framings[i], &spare);
			}
		for (int i = 0; i < STREAMS; i++) {
			assert_string_equal(buffer_string(&seen[i]), frames(streams[i], LENGTH, LENGTH, &alone));
			framing_free(&framings[i]);
		}
	}
	for (int i = 0; i < STREAMS; i++)
		buffer_free(&seen[i]);
	buffer_free(&alone);
	buffer_free(&spare);
}

static void
feed_shared(struct framing *framing, const char *bytes, struct buffer *spare, struct buffer *seen)
{
	framing_borrow(framing, spare);
	feed(framing, bytes, strlen(bytes), seen);
	framing_return(framing, spare);
}

static void
only_an_unfinished_line_keeps_its_memory(void **state)
{
	struct framing first = {.limit = LIMIT}, second = {.limit = LIMIT};
	struct buffer spare = {0}, seen = {0};
	const char *memory;

	(void)state;
	feed_shared(&first, "a\n", &spare, &seen);
	memory = spare.bytes;
	assert_non_null(memory);
	assert_null(first.buffer.bytes);
	feed_shared(&second, "b\nc", &spare, &seen);
	assert_ptr_equal(second.buffer.bytes, memory);
	assert_null(spare.bytes);
	feed_shared(&first, "d\ne\n", &spare, &seen);
	assert_non_null(spare.bytes);
	assert_null(first.buffer.bytes);
	feed_shared(&second, "\n", &spare, &seen);
	assert_non_null(spare.bytes);
	assert_null(second.buffer.bytes);
	assert_string_equal(buffer_string(&seen), "[a][b][d][e][c]");
	buffer_free(&seen);
	buffer_free(&spare);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cuts_at_newlines),
	    cmocka_unit_test(takes_a_return_for_part_of_the_newline),
	    cmocka_unit_test(keeps_the_rest),
	    cmocka_unit_test(accepts_a_line_at_the_limit),
	    cmocka_unit_test(throws_away_a_line_over_the_limit),
	    cmocka_unit_test(holds_no_more_than_the_limit),
	    cmocka_unit_test(keeps_nul_bytes),
	    cmocka_unit_test(any_cut_gives_the_same),
	    cmocka_unit_test(shared_memory_changes_nothing),
	    cmocka_unit_test(only_an_unfinished_line_keeps_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
