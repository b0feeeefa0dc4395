/* What is wrong with a run, in a few words that can be compared with those of another. */
#ifndef FINDING_H
#define FINDING_H

#include "run.h"

#define FINDING_MAX 256 /* bytes, the NUL included; what is beyond is left out */

/*
 * "workload:lost protocol", "workload:G-single-realtime", "liveness", "crash",
 * ...: the parts of the results that are not valid, the workload's with its
 * anomalies, the gravest first. Empty if nothing is wrong that :stats alone
 * would not complain of.
 */
void finding_of_run(char finding[FINDING_MAX], const struct run *);
/* The same of a process that a signal has ended. */
void finding_of_signal(char finding[FINDING_MAX], int number);
/* Whether `other` is the same finding: its gravest word, and no word that is not in it. */
bool finding_is_same(const char *finding, const char *other);

/* Results of too few transactions for any to have to do with another: invalid, as in Maelstrom, but no finding. */
bool finding_is_lack(const struct value *results);

#endif
