/*
 * In which order bifurcan's maps, and so Elle's graphs, list operations:
 * compressed hash-array mapped prefix trees (Steindorfer and Vinju, "Optimizing
 * hash-array mapped tries for fast and lean immutable JVM collections", 2015)
 * over a hash of the operation's index. Which of many cycles is found first,
 * and so whether it is one of the kind that was searched for, depends on it.
 */
#ifndef CHAMP_H
#define CHAMP_H

#include "clojure_order.h"

/* The hash of an operation's index, of which five bits are taken at a level: the first ones are the highest here. */
uint64_t champ_rank(int64_t index);
/* Puts items into the order of the tree: of each node its entries first, then its children. */
void champ_sort(struct clojure_ranked *, size_t count);

#endif
