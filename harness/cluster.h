/*
 * The nodes under test and the services: registered at staggered moments, init,
 * the workload's set-up, torn down (maelstrom.db; jepsen.core's set-up of
 * clients). A node that writes to one that is not there yet is found out.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "loop.h"
#include "net.h"
#include "options.h"
#include "server.h"
#include "store.h"

/* Services and nodes register within so much time of the start, as Maelstrom's do when the JVM is busy. */
#define CLUSTER_STAGGER_MS 20
/*
 * The node with the highest number comes so long after the first answer to init, however slowly programs start: who
 * writes to all peers right after init_ok finds one that is not there yet. Without an answer it waits no longer than
 * this.
 */
#define CLUSTER_BEHIND_MS 5
#define CLUSTER_WAIT_MS   1000

struct cluster;

struct cluster_events {
	loop_fn *ready; /* all nodes are set up */
	/* A node could not be; `why` is one line or more. Nothing else is called after it. */
	void (*failed)(void *arg, int node, const char *why);
	void *arg;
	struct server_events server;
};

/* Starts at once. What clients say is kept in the arena; `store` may be NULL. */
struct cluster *cluster_start(struct loop *, struct net *, const struct test_options *, uint64_t seed, int *next_client,
    struct arena *, const struct store *, const struct cluster_events *);
/* NULL if it has not been started yet. */
struct server *cluster_server(const struct cluster *, int node);
/*
 * Kills a node of a cluster that is set up. What comes for it is lost until it is revived. False: it was dead already.
 */
bool cluster_kill(struct cluster *, int node);
/*
 * Starts it again, with its disk and init; `revived` (may be NULL) is called when it has answered that, if it is not
 * killed again. False: it was alive, and nothing is done or called.
 */
bool cluster_revive(struct cluster *, int node, loop_fn *revived, void *arg);
/*
 * Pauses it until cluster_resume() or its end; false: it is dead or paused. If it is paused for longer than the answer
 * to a second init may take, it is started once more when it is resumed. False: it was not paused.
 */
bool cluster_pause(struct cluster *, int node);
bool cluster_resume(struct cluster *, int node);
/*
 * Simulated nodes only: see clocks_disturb() and disk_disturb(). A node whose disk fails ends, is started again after
 * CLUSTER_RESTART_MS, or as soon as its disk is well; if it is killed meanwhile, when it is revived.
 */
#define CLUSTER_RESTART_MS 1000
void cluster_disturb_clocks(struct cluster *, int node, int64_t jump_ms, int64_t drift_ppm);
void cluster_disturb_disk(struct cluster *, int node, int permille, int64_t sync_ms);
/* Ends everything without warning. */
void cluster_stop(struct cluster *);

#endif
