/*
 * Planted: kafka.c, in which every node takes itself for the owner of every
 * key, so that two of them give the same offset to two messages.
 * To be found by kafka's checker, under :inconsistent-offsets, from two nodes on.
 */
#include "node.h"
#include "rendezvous.h"

#define rendezvous(n, key) ((void)(key), node_index(n))
#define kafka_program      kafka_reuses_program

#include "../../nodes/kafka.c"
