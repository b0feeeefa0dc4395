/*
 * Rendezvous hashing: all nodes agree, without asking, which of them owns a
 * key. It is the one with the highest hash of its id and the key; so the
 * order of the list of nodes does not matter, and without one node only that
 * node's keys would move (Thaler and Ravishankar, Using Name-Based Mappings to
 * Increase Hit Rates, IEEE/ACM ToN 6(1), 1998).
 */
#ifndef RENDEZVOUS_H
#define RENDEZVOUS_H

#include "node.h"

/* The index of the owner. */
int rendezvous(const struct node *, const char *key);

#endif
