/* An analysis from its beginning to its result (elle.txn/result-map). */
#include "elle.h"

#include <stdlib.h>
#include <string.h>

#include "elle_internal.h"
#include "memory.h"

/* ---- beginning and end --------------------------------------------------------------------- */

bool
elle_fail(struct elle *elle, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (elle->error == NULL)
		elle->error = arena_vprintf(elle->arena, fmt, ap);
	va_end(ap);
	return false;
}

const struct value *
elle_failed(struct elle *elle)
{
	return check_failed(elle->arena, "%s", elle->error);
}

static uint64_t
models_asked_for(struct elle *elle, const struct check_options *options)
{
	const char *const *name = options->consistency_models;
	uint64_t models = 0;

	if (name == NULL)
		return SET_OF(MODEL_STRONG_SERIALIZABLE);
	for (; *name != NULL; name++)
		if (!model_find(*name, &models))
			elle_fail(elle, "there is no consistency model %s", *name);
	return models;
}

void
elle_init(struct elle *elle, struct arena *arena, const struct history *history, const struct check_options *options,
    const struct elle_workload *workload, void *state)
{
	*elle = (struct elle){.arena = arena, .history = history, .workload = workload, .state = state};
	elle->directory = options->directory;
	elle->prohibited = anomalies_prohibited_by(models_asked_for(elle, options));
	elle->reportable = elle->prohibited | ANOMALIES_UNKNOWN;
}

void
elle_free(struct elle *elle)
{
	elle_read_free(elle);
	free(elle->edges);
	elle_graph_free(&elle->graph);
}

/* ---- anomalies ------------------------------------------------------------------------------- */

bool
elle_is_reportable(const struct elle *elle, enum anomaly anomaly)
{
	return (elle->reportable & SET_OF(anomaly)) != 0;
}

void
elle_report(struct elle *elle, enum anomaly anomaly, const struct value *value)
{
	if (elle->anomalies[anomaly] == NULL)
		elle->anomalies[anomaly] = value_collection(elle->arena, VALUE_VECTOR);
	value_push(elle->arena, elle->anomalies[anomaly], value);
}

const struct value *
elle_txn_value(const struct elle *elle, uint32_t txn)
{
	const struct elle_txn *t = &elle->txns[txn];

	return op_value(elle->arena, &elle->history->ops[t->complete != ELLE_NONE ? t->complete : t->invoke]);
}

const struct value *
elle_mop_value(const struct elle *elle, uint32_t txn, uint32_t mop)
{
	const struct elle_txn *t = &elle->txns[txn];

	return elle->history->ops[t->complete != ELLE_NONE ? t->complete : t->invoke].value->items[mop];
}

/* ---- the result --------------------------------------------------------------------------------- */

static uint64_t
found(const struct elle *elle)
{
	uint64_t anomalies = 0;

	for (int a = 0; a < ANOMALY_COUNT; a++)
		if (elle->anomalies[a] != NULL)
			anomalies |= SET_OF(a);
	return anomalies;
}

/* That a cycle exists somewhere is of no interest where something that can be shown rules out the same model. */
static uint64_t
without_redundant(uint64_t anomalies)
{
	uint64_t ruled_out = models_ruled_out_by(anomalies & ~elle_existing_anomalies());

	return anomalies & ~elle_existing_anomalies_of(ruled_out);
}

static const struct value *
anomalies_map(const struct elle *elle, uint64_t anomalies)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	for (int a = 0; a < ANOMALY_COUNT; a++)
		if ((anomalies & SET_OF(a)) != 0)
			value_put_keyword(elle->arena, map, anomaly_name(a),
			    a == ANOMALY_EMPTY_TRANSACTION_GRAPH ? &value_true : elle->anomalies[a]);
	return map;
}

const struct value *
elle_result(struct elle *elle)
{
	struct value *result = value_collection(elle->arena, VALUE_MAP);
	uint64_t all = found(elle), shown = without_redundant(all & elle->reportable);
	enum verdict verdict = VERDICT_VALID;

	if (elle->error != NULL)
		return elle_failed(elle);
	if (shown != 0)
		verdict = (all & elle->prohibited) != 0 ? VERDICT_INVALID : VERDICT_UNKNOWN;
	value_put_keyword(elle->arena, result, "valid?", verdict_value(verdict));
	if (shown == 0)
		return result;
	value_put_keyword(elle->arena, result, "anomaly-types", anomalies_value(elle->arena, shown));
	value_put_keyword(elle->arena, result, "anomalies", anomalies_map(elle, shown));
	put_boundary(elle->arena, result, all);
	return result;
}
