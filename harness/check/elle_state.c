/* An edge with several types is taken as one of them; only some of the choices differ in what may follow. */
#include "elle_state.h"

#define ORDER (ELLE_PROCESS | ELLE_REALTIME)

enum { RW_LEGAL, RW_SINGLE, RW_FREE, RW_TAKEN };

static const uint8_t rw_modes[] = {
    [ELLE_RW_LEGAL] = RW_LEGAL,
    [ELLE_RW_SINGLE] = RW_SINGLE,
    [ELLE_RW_NONADJACENT] = RW_FREE,
    [ELLE_RW_ADJACENT] = RW_LEGAL,
};

struct elle_state
elle_state_first(const struct elle_cycle_kind *kind)
{
	return (struct elle_state){kind->required, kind->rw_wanted, rw_modes[kind->rw]};
}

bool
elle_state_is_final(struct elle_state state)
{
	return state.want == 0 && state.rw_wanted == 0 && state.rw != RW_TAKEN;
}

uint64_t
elle_state_bit(struct elle_state state)
{
	int want = ((state.want & ELLE_WR) != 0) | ((state.want & ORDER) != 0) << 1;

	return UINT64_C(1) << (want << 4 | state.rw_wanted << 2 | state.rw);
}

/* Takes one edge of one type. False: it may not. */
static bool
take(const struct elle_cycle_kind *kind, struct elle_state *state, unsigned type)
{
	bool rw = type == ELLE_RW;

	if (kind->rw == ELLE_RW_ADJACENT && state->rw_wanted > 0 && !rw)
		return false;
	if ((kind->legal & type) != 0) {
		if (state->rw == RW_TAKEN)
			state->rw = RW_FREE;
	} else if (rw && state->rw == RW_SINGLE) {
		state->rw = RW_LEGAL;
	} else if (rw && state->rw == RW_FREE) {
		state->rw = RW_TAKEN;
	} else {
		return false;
	}
	if (rw && state->rw_wanted > 0)
		state->rw_wanted--;
	state->want &= (uint8_t)~type;
	return true;
}

size_t
elle_state_step(const struct elle_cycle_kind *kind, struct elle_state from, uint8_t types, bool first,
    struct elle_state states[ELLE_STATES_MAX])
{
	bool rw = from.rw_wanted > 0 || from.rw == RW_SINGLE || from.rw == RW_FREE;
	uint8_t rw_types = rw ? ELLE_RW : 0, wanted = from.want & (uint8_t)~rw_types;
	uint8_t masks[] = {rw_types, wanted, kind->legal & (uint8_t) ~(rw_types | wanted)};
	size_t count = 0;

	for (size_t m = 0; m < 3; m++) {
		for (unsigned type = ELLE_WW; type <= ELLE_REALTIME; type <<= 1) {
			states[count] = from;
			if ((types & masks[m] & type) == 0 || !take(kind, &states[count], type))
				continue;
			count++;
			if (m == 2)
				break;
		}
		if (first && (m == 0 ? from.rw_wanted > 0 : from.want != 0))
			break;
	}
	return count;
}
