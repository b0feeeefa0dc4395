/* Messages that wait to be chosen: the network by hand. */
#include <assert.h>
#include <string.h>

#include "memory.h"
#include "net_internal.h"

#define HELD_FIRST 16 /* messages that there is room for at first, where they are held */

void
packet_hold(struct endpoint *dest, struct packet *packet)
{
	struct net *net = dest->net;

	if (net->held_count == net->held_capacity) {
		net->held_capacity = net->held_capacity > 0 ? 2 * net->held_capacity : HELD_FIRST;
		net->held = memory_resize(net->held, net->held_capacity, sizeof(*net->held));
	}
	net->held[net->held_count++] = (struct held){.dest = dest, .packet = packet};
}

void
net_hold(struct net *net)
{
	net->holds = true;
}

void
net_release(struct net *net)
{
	while (net->held_count > 0)
		net_held_deliver(net, 0);
	net->holds = false;
}

size_t
net_held(const struct net *net)
{
	return net->held_count;
}

struct envelope
net_held_at(const struct net *net, size_t place)
{
	assert(place < net->held_count);
	return packet_envelope(net->held[place].packet, net->held[place].dest);
}

static struct held
take_held(struct net *net, size_t place)
{
	struct held held;

	assert(place < net->held_count);
	held = net->held[place];
	net->held_count--;
	memmove(&net->held[place], &net->held[place + 1], (net->held_count - place) * sizeof(held));
	return held;
}

void
net_held_delay(struct net *net, size_t place)
{
	struct held held = take_held(net, place);

	held.delayed = true;
	net->held[net->held_count++] = held;
}

bool
net_held_is_delayed(const struct net *net, size_t place)
{
	assert(place < net->held_count);
	return net->held[place].delayed;
}

void
net_held_deliver(struct net *net, size_t place)
{
	struct held held = take_held(net, place);

	held.packet->deadline = loop_now(net->loop);
	if (held.dest->deliver != NULL)
		packet_post(held.dest, held.packet);
	else
		packet_forget(held.dest, held.packet);
}

void
net_held_duplicate(struct net *net, size_t place)
{
	const struct packet *packet = net->held[place].packet;
	struct endpoint *dest = net->held[place].dest;
	int64_t now = loop_now(net->loop);
	struct packet *copy;

	if (dest->deliver == NULL)
		return;
	copy = packet_make(net, now, packet->src, dest, packet_body(packet), packet_body_length(packet));
	copy->deadline = now;
	packet_post(dest, copy);
}

void
net_held_drop(struct net *net, size_t place)
{
	struct held held = take_held(net, place);

	packet_lose(held.dest, held.packet);
}
