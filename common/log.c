/* One line a message, whatever the text holds: node logs are read by line, by people and by tests. */
#include <stdio.h>
#include <time.h>

#include "internal.h"

#define LOG_TEXT_MAX 2000 /* bytes of text; the rest is cut off */

static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};

static void
append_time(struct buffer *line, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (wall_ms < 0 || gmtime_r(&seconds, &tm) == NULL)
		buffer_printf(line, "%lld", (long long)wall_ms);
	else
		buffer_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		    tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
}

static void
cut(struct buffer *line, size_t start)
{
	if (line->length - start > LOG_TEXT_MAX) {
		line->length = start + LOG_TEXT_MAX;
		buffer_append_string(line, "...");
	}
	for (size_t i = start; i < line->length; i++)
		if ((unsigned char)line->bytes[i] < ' ' || line->bytes[i] == 0x7f)
			line->bytes[i] = ' ';
}

void
node_log(struct node *node, enum log_level level, const char *fmt, ...)
{
	struct buffer line = {0};
	size_t start;
	va_list ap;

	if (level > node->log_level)
		return;
	append_time(&line, node_wall_ms(node));
	buffer_printf(&line, " %s %-5s ", node->id != NULL ? node->id : node->program->name, names[level]);
	start = line.length;
	va_start(ap, fmt);
	buffer_vprintf(&line, fmt, ap);
	va_end(ap);
	cut(&line, start);
	node->host->log(node->host_arg, level, buffer_string(&line));
	buffer_free(&line);
}

bool
node_logs(const struct node *node, enum log_level level)
{
	return level <= node->log_level;
}
