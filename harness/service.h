/*
 * The four services that Maelstrom offers its nodes, with its consistency
 * (maelstrom.service): lin-kv, seq-kv with its ring of 32 states, lww-kv with
 * two replicas, lin-tso. A request that a service does not understand gets no
 * answer. The replicas of lww-kv never learn from each other: Maelstrom merges
 * them at each request, and then drops the result.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "loop.h"
#include "net.h"

struct services;

/* Registers all four in the network, each at its own random moment within stagger_ns, and calls ready(arg) then. */
struct services *services_start(
    struct loop *, struct net *, uint64_t seed, int64_t stagger_ns, loop_fn *ready, void *arg);
void services_stop(struct services *);

#endif
