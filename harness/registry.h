/* The programs that are linked into eddy: generated from nodes/ and tests/broken/. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "node.h"

struct registered {
	const char *name; /* the file's name; "broken:" in front of those of tests/broken/ */
	const struct program *program;
};

/* Ends with a NULL name. */
extern const struct registered registry[];
const struct program *registry_find(const char *name);

#endif
