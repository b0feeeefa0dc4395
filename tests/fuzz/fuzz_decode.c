/* Any bytes as JSON and as a message: the decoder must take and refuse what jansson does, and give equal values. */
#include <stdlib.h>
#include <string.h>

#include "decode.h"

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Equal, and with members in the same order. */
static void
check_same(const json_t *mine, const json_t *theirs)
{
	char *a = json_dumps(mine, JSON_COMPACT | JSON_ENCODE_ANY),
	     *b = json_dumps(theirs, JSON_COMPACT | JSON_ENCODE_ANY);

	check(a != NULL && b != NULL && strcmp(a, b) == 0 && json_equal(mine, theirs));
	free(a);
	free(b);
}

static void
check_id(const char *mine, const json_t *theirs)
{
	bool held = json_is_string(theirs) && strlen(json_string_value(theirs)) == json_string_length(theirs);

	check((mine != NULL) == held);
	if (held)
		check(strcmp(mine, json_string_value(theirs)) == 0);
}

static void
check_message(const struct decoded *mine, const json_t *root)
{
	const json_t *body = json_object_get(root, "body");

	check_id(mine->src, json_object_get(root, "src"));
	check_id(mine->dest, json_object_get(root, "dest"));
	check((mine->body != NULL) == json_is_object(body));
	if (mine->body == NULL)
		return;
	check_same(mine->body, body);
	check(mine->type == json_object_get(mine->body, "type"));
	check(mine->msg_id == json_object_get(mine->body, "msg_id"));
	check(mine->in_reply_to == json_object_get(mine->body, "in_reply_to"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *text = (const char *)bytes;
	json_t *theirs = json_loadb(text, length, JSON_ALLOW_NUL, NULL), *mine = decode_json(text, length);
	struct decoded decoded = {0};

	check((mine != NULL) == (theirs != NULL));
	if (mine != NULL)
		check_same(mine, theirs);
	check(decode_line(&decoded, text, length) == json_is_object(theirs));
	if (json_is_object(theirs))
		check_message(&decoded, theirs);
	decoded_free(&decoded);
	json_decref(mine);
	json_decref(theirs);
	return 0;
}
