/* The main() of every node: compiled once for each, with PROGRAM naming its program. */
#include "host.h"

extern const struct program PROGRAM;

int
main(int argc, char *argv[])
{
	return node_main(&PROGRAM, argc, argv);
}
