/*
 * Planted: kafka.c, in which the owner takes a send as often as it is told of
 * it: it forgets the numbers of those that it has taken.
 * To be found by kafka's checker, under :duplicate, when a message takes
 * longer than it takes to say the next.
 */
#include "node.h"
#include "outbox.h"

#define inbox_is_next(inbox, session, number) ((void)(session), (void)(number), true)
#define kafka_program                         kafka_twice_program

#include "../../nodes/kafka.c"
