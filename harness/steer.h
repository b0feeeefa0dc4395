/*
 * Steering a simulation by hand: what happens next is one of a few choices,
 * and somebody else makes them. Clients' messages are no choice: an operation
 * begins, and its node has it; the node answers, and the client has that. An
 * operation that takes longer allows more to a checker, never less.
 */
#ifndef STEER_H
#define STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

/* A simulation under way, seen from outside. Borrowed. */
struct world {
	struct loop *loop;
	struct net *net;
	struct cluster *cluster;
	struct generator *generator;
	const struct history *history;
	const struct test_options *options;
	const bool *crashed;
};

struct steering {
	/*
	 * Called once, when the nodes are set up and the generator waits: does what it chooses, and then either lets
	 * the run go on by itself to its verdict (true) or has it abandoned (false).
	 */
	bool (*steer)(void *arg, const struct world *);
	void *arg;
};

enum choice_kind {
	CHOICE_DELIVER,   /* of the messages from src that wait for dest, the one that was sent as number `number` */
	CHOICE_DROP,      /* the same, lost */
	CHOICE_DUPLICATE, /* the same, delivered, and it waits on */
	CHOICE_OP,        /* worker `number` begins its next operation */
	CHOICE_TIME,      /* time passes until a timer is due, and it fires, with all that are due then */
	CHOICE_WAIT,      /* the same, on and on until somebody says something, or for CHOICE_WAIT_MS */
	CHOICE_CRASH,     /* node src is killed and started again */
};
#define CHOICE_KINDS   7
#define CHOICE_WAIT_MS 10000

struct choice {
	enum choice_kind kind;
	int number;
	const char *src, *dest; /* NULL where there is none */
};

/* Does it, with all that follows at once. False, and nothing was done, if it cannot be done now. */
bool choice_do(const struct world *, const struct choice *);
/* The number of the message in that place (net_held_at()) among those that wait of its kind. */
int choice_number(const struct world *, size_t place);

/* As text, in words: "deliver n0 n1 0". Reading leaves one line in `error` on a fault; names are kept in the arena. */
struct arena;
#define CHOICE_WORDS_MAX 4
void choice_write(const struct choice *, struct buffer *);
bool choice_read(struct choice *, struct arena *, char *const words[], int count, struct buffer *error);

/* Makes the choices of a list, as far as they can be made. */
struct choice_list {
	struct choice *items;
	size_t count;
	size_t missed; /* how many of them could not be made */
};
bool choices_follow(void *list, const struct world *);

#endif
