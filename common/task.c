/*
 * Coroutines on ucontext(3). A task has a stack of its own with a guard page
 * below it; whoever resumes it waits until it waits. Sanitizers and valgrind
 * are told of every switch, or they would take it for a stack gone astray.
 */
#include "task.h"

#include <sys/mman.h>

#include <assert.h>
#include <err.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include "internal.h"
#include "memory.h"

#define STACKS_KEPT 16 /* idle stacks a node keeps for its next tasks */

struct task_stack {
	struct task_stack *next;
	char *bytes; /* the guard page comes first */
	size_t size;
	unsigned valgrind_id;
};

struct task {
	TAILQ_ENTRY(task) entry;
	struct node *node;
	task_fn *fn;
	void *arg;
	struct task_stack *stack;
	ucontext_t context, resumer;
	bool waiting, cancelled, done;
	uint64_t handle; /* of the RPC or timer it waits for */
	int outcome;     /* of the wait */
	json_t *reply;

	/* For ASan: */
	void *fake_stack;
	const void *resumer_stack;
	size_t resumer_stack_size;
};

/* ---- what sanitizers and valgrind must know -------------------------------- */

#if MEMORY_WATCHED
#include <sanitizer/common_interface_defs.h>
#define switch_begins(save, bytes, size) __sanitizer_start_switch_fiber(save, bytes, size)
#define switch_ended(saved, bytes, size) __sanitizer_finish_switch_fiber(saved, bytes, size)
#else
#define switch_begins(save, bytes, size) ((void)(save), (void)(bytes), (void)(size))
#define switch_ended(saved, bytes, size) ((void)(saved), (void)(bytes), (void)(size))
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(from, to) 0
#define VALGRIND_STACK_DEREGISTER(id)     ((void)(id))
#endif

/* ---- stacks ---------------------------------------------------------------- */

static struct task_stack *
stack_new(void)
{
	struct task_stack *stack = memory_zero(sizeof(*stack));
	size_t guard = (size_t)sysconf(_SC_PAGESIZE);

	stack->size = guard + TASK_STACK_BYTES;
	stack->bytes =
	    mmap(NULL, stack->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stack->bytes == MAP_FAILED || mprotect(stack->bytes, guard, PROT_NONE) != 0)
		err(1, "no stack for a task");
	stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->bytes + guard, stack->bytes + stack->size);
	return stack;
}

static void
stack_free(struct task_stack *stack)
{
	VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
	munmap(stack->bytes, stack->size);
	free(stack);
}

static struct task_stack *
stack_take(struct node *node)
{
	struct task_stack *stack = node->stacks;

	if (stack == NULL)
		return stack_new();
	node->stacks = stack->next;
	node->stack_count--;
	return stack;
}

static void
stack_return(struct node *node, struct task_stack *stack)
{
	if (node->stack_count == STACKS_KEPT) {
		stack_free(stack);
		return;
	}
	stack->next = node->stacks;
	node->stacks = stack;
	node->stack_count++;
}

/* ---- switching ------------------------------------------------------------- */

static void
task_free(struct task *task)
{
	struct node *node = task->node;

	TAILQ_REMOVE(&node->tasks, task, entry);
	node->task_count--;
	stack_return(node, task->stack);
	free(task);
}

/* Runs the task until it waits or ends. */
static void
resume(struct task *task)
{
	struct node *node = task->node;
	struct task *previous = node->task;
	void *fake_stack = NULL;

	node->task = task;
	switch_begins(&fake_stack, task->stack->bytes, task->stack->size);
	if (swapcontext(&task->resumer, &task->context) != 0)
		err(1, "swapcontext");
	switch_ended(fake_stack, NULL, NULL);
	node->task = previous;
	if (task->done)
		task_free(task);
}

/* Goes back to who resumed the task; returns when it is resumed again. */
static void
suspend(struct task *task)
{
	switch_begins(task->done ? NULL : &task->fake_stack, task->resumer_stack, task->resumer_stack_size);
	if (swapcontext(&task->context, &task->resumer) != 0)
		err(1, "swapcontext");
	switch_ended(task->fake_stack, &task->resumer_stack, &task->resumer_stack_size);
}

/* makecontext(3) passes nothing but ints. */
static void
task_main(unsigned high, unsigned low)
{
	struct task *task = (struct task *)((uintptr_t)high << 32 | (uintptr_t)low);

	switch_ended(NULL, &task->resumer_stack, &task->resumer_stack_size);
	task->fn(task->node, task->arg);
	task->done = true;
	suspend(task);
}

static void
task_prepare(struct task *task)
{
	uint64_t address = (uint64_t)(uintptr_t)task;

	if (getcontext(&task->context) != 0)
		err(1, "getcontext");
	task->context.uc_stack.ss_sp = task->stack->bytes;
	task->context.uc_stack.ss_size = task->stack->size;
	task->context.uc_link = NULL;
	makecontext(&task->context, (void (*)(void))task_main, 2, (unsigned)(address >> 32), (unsigned)address);
}

bool
node_task(struct node *node, task_fn *fn, void *arg)
{
	struct task *task;

	if (node->phase == PHASE_ENDING || node->task_count >= node->limits.tasks)
		return false;
	task = memory_zero(sizeof(*task));
	task->node = node;
	task->fn = fn;
	task->arg = arg;
	task->stack = stack_take(node);
	TAILQ_INSERT_TAIL(&node->tasks, task, entry);
	node->task_count++;
	task_prepare(task);
	resume(task);
	return true;
}

/* ---- waiting --------------------------------------------------------------- */

/* Whether a wait may begin: not once the node is ending. */
static bool
may_wait(const struct node *node)
{
	assert(node->task != NULL);
	return !node->task->cancelled && node->phase != PHASE_ENDING;
}

static int
wait_for(struct task *task, uint64_t handle)
{
	task->handle = handle;
	task->waiting = true;
	suspend(task);
	task->waiting = false;
	return task->outcome;
}

static void
task_replied(struct node *node, const struct message *reply, void *arg)
{
	struct task *task = arg;

	(void)node;
	task->outcome = message_error(reply);
	if (task->outcome == TASK_OK)
		task->reply = json_incref(reply->body);
	resume(task);
}

static void
task_woken(struct node *node, void *arg)
{
	struct task *task = arg;

	(void)node;
	task->outcome = TASK_OK;
	resume(task);
}

int
task_call(struct node *node, const char *dest, json_t *body, int64_t timeout_ms, json_t **reply)
{
	struct task *task = node->task;
	int outcome;

	*reply = NULL;
	if (!may_wait(node)) {
		json_decref(body);
		return TASK_CANCELLED;
	}
	outcome = wait_for(task, node_rpc(node, dest, body, timeout_ms, task_replied, task, NULL));
	*reply = task->reply;
	task->reply = NULL;
	return outcome;
}

int
task_sleep(struct node *node, int64_t delay_ms)
{
	if (!may_wait(node))
		return TASK_CANCELLED;
	return wait_for(node->task, node_after(node, delay_ms, task_woken, node->task, NULL));
}

/* ---- many at a time ----------------------------------------------------------- */

/* A task that waits until others have done their part. */
struct join {
	struct task *task;
	task_fn *fn;
	size_t unfinished;
	bool waiting;
};

struct part {
	struct join *join;
	void *item;
};

static void
do_part(struct node *node, void *arg)
{
	const struct part *part = arg;
	struct join *join = part->join;

	join->fn(node, part->item);
	join->unfinished--;
	if (join->unfinished == 0 && join->waiting)
		resume(join->task);
}

void
task_each(struct node *node, task_fn *fn, void *items, size_t count, size_t size)
{
	struct join join = {.task = node->task, .fn = fn, .unfinished = count};
	struct part *parts = memory_zero((count > 0 ? count : 1) * sizeof(*parts));

	assert(node->task != NULL);
	for (size_t i = 0; i < count; i++) {
		parts[i] = (struct part){&join, (char *)items + i * size};
		if (!node_task(node, do_part, &parts[i]))
			do_part(node, &parts[i]);
	}
	join.waiting = join.unfinished > 0;
	if (join.waiting)
		wait_for(join.task, 0);
	free(parts);
}

/* ---- the end --------------------------------------------------------------- */

/* Cancelled, a task cannot wait any more: it runs to its end. Those that others wait for began later than these. */
void
tasks_cancel(struct node *node)
{
	struct task *task;

	while ((task = TAILQ_LAST(&node->tasks, task_list)) != NULL) {
		assert(task->waiting);
		node_cancel(node, task->handle);
		task->cancelled = true;
		task->outcome = TASK_CANCELLED;
		resume(task);
	}
}

void
tasks_free(struct node *node)
{
	struct task_stack *stack;

	while ((stack = node->stacks) != NULL) {
		node->stacks = stack->next;
		stack_free(stack);
	}
}
