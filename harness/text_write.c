/* As Clojure's pr-str and as Cheshire print strings. */
#include "text_write.h"

#include <stdint.h>

#include "utf8.h"

/* Where the run ends that is written as it is: what else there may be is looked at byte by byte. */
static const char *
end_of_plain(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\' && (unsigned char)*p != 0xed)
		p++;
	return p;
}

void
text_write(struct buffer *out, const char *text, size_t length, enum text_form form)
{
	static const char escapes[] = "\"\"\\\\n\nt\tr\rf\fb\b";
	const char *p = text, *end = text + length, *plain, *pair;
	int32_t surrogate;

	buffer_append_char(out, '"');
	for (;; p++) {
		plain = p;
		p = end_of_plain(p, end);
		buffer_append(out, plain, (size_t)(p - plain));
		if (p == end)
			break;
		if ((surrogate = utf8_lone_surrogate(p, end)) >= 0) {
			buffer_printf(out, form == TEXT_JSON ? "\\u%04X" : "\\u%04x", (unsigned)surrogate);
			p += 2;
			continue;
		}
		for (pair = escapes; *pair != '\0' && pair[1] != *p;)
			pair += 2;
		if (*pair != '\0')
			buffer_append(out, (const char[]){'\\', *pair}, 2);
		else if (form == TEXT_JSON && (unsigned char)*p < 0x20)
			buffer_printf(out, "\\u%04X", (unsigned)*p);
		else
			buffer_append_char(out, *p);
	}
	buffer_append_char(out, '"');
}
