/* A team of threads that does one piece of work after another, each shared out in small parts.
 *
 * Nobody waits for a thread that has no core just now, as happens whenever something else runs on the machine: the
 * others take its parts. With a barrier instead, two busy programs beside it made ten candidates ten times slower.
 */

#pragma once

#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST_THREADS = 16, PARTS = 16, BITS = 20 }; /* PARTS of a work for each thread; BITS of a number in `claims` */

/* Does numbers `first` to `end` of some work on `task`. */
typedef void Work(void *task, int64_t thread, int64_t first, int64_t end);

typedef struct {
    Work *work;
    int64_t total, parts, threads;
    void *task;
    void (*clear)(void *task);   /* called by the last thread to leave */
    /* For each thread: the number of the work at hand, where the thread's own parts of it end, and the next of them. */
    atomic_uint_fast64_t claims[MOST_THREADS];
    atomic_int_fast64_t done; /* parts */
    atomic_int over, members;
} Team;

static bool claim(Team *team, int64_t owner, int64_t *part)
{
    const uint_fast64_t mask = (1 << BITS) - 1;
    uint_fast64_t seen = atomic_load(&team->claims[owner]);
    while ((seen & mask) < (seen >> BITS & mask))
        if (atomic_compare_exchange_weak(&team->claims[owner], &seen, seen + 1)) {
            *part = (int64_t)(seen & mask);
            return true;
        }
    return false;
}

/* One of the thread's own parts, which lie together, so that what it fetches early is what it needs next; else one of
 * another thread's. False where none is left. */
static bool do_a_part(Team *team, int64_t thread)
{
    for (int64_t other = 0; other < team->threads; other++) {
        int64_t part;
        if (!claim(team, (thread + other) % team->threads, &part))
            continue;
        team->work(team->task, thread, team->total * part / team->parts, team->total * (part + 1) / team->parts);
        atomic_fetch_add(&team->done, 1);
        return true;
    }
    return false;
}

/* Wait by looking: there are a hundred works in a millisecond. Where somebody else needs the core, step aside. */
static void wait_a_little(int *looks)
{
    if (++*looks < 1000)
        _mm_pause();
    else
        sched_yield();
}

/* Have numbers 0 to `total` of a work done by whichever threads have a core. Only the thread that leads may call. */
static void share(Team *team, Work *work, int64_t total)
{
    int64_t parts = total < team->threads * PARTS ? total : team->threads * PARTS;
    if (parts < 2 || team->threads < 2) {
        work(team->task, 0, 0, total);
        return;
    }
    team->work = work;
    team->total = total;
    team->parts = parts;
    atomic_store(&team->done, 0);
    uint_fast64_t number = (atomic_load(&team->claims[0]) >> 2 * BITS) + 1;
    for (int64_t thread = 0; thread < team->threads; thread++) {
        uint_fast64_t next = (uint_fast64_t)(parts * thread / team->threads);
        uint_fast64_t end = (uint_fast64_t)(parts * (thread + 1) / team->threads);
        atomic_store(&team->claims[thread], number << 2 * BITS | end << BITS | next);
    }
    int looks = 0;
    while (do_a_part(team, 0))
        ;
    while (atomic_load(&team->done) < parts)
        wait_a_little(&looks);
}

static void leave(Team *team)
{
    if (atomic_fetch_sub(&team->members, 1) > 1)
        return;
    team->clear(team->task);
    free(team);
}

typedef struct {
    Team *team;
    int64_t thread;
} Member;

static void *take_part(void *given)
{
    Member member = *(Member *)given;
    free(given);
    int looks = 0;
    while (!atomic_load(&member.team->over))
        if (do_a_part(member.team, member.thread))
            looks = 0;
        else
            wait_a_little(&looks);
    leave(member.team);
    return NULL;
}

static void join(Team *team, int64_t thread)
{
    Member *member = malloc(sizeof(Member));
    if (!member)
        return;
    *member = (Member){team, thread};
    atomic_fetch_add(&team->members, 1);
    pthread_t started;
    if (pthread_create(&started, NULL, take_part, member) == 0) {
        pthread_detach(started);
        return;
    }
    atomic_fetch_sub(&team->members, 1); /* the system gives no more threads: the others do it */
    free(member);
}

/* The caller leads `threads` threads, itself among them; NULL where there is no memory. */
static Team *gather(void *task, void (*clear)(void *task), int64_t threads)
{
    Team *team = calloc(1, sizeof(Team));
    if (!team)
        return NULL;
    team->task = task;
    team->clear = clear;
    team->threads = threads < MOST_THREADS ? threads : MOST_THREADS;
    team->members = 1;
    for (int64_t thread = 1; thread < team->threads; thread++)
        join(team, thread);
    return team;
}

/* No more work: whatever belongs to the task is cleared once nobody looks at it any more. */
static void dismiss(Team *team)
{
    atomic_store(&team->over, 1);
    leave(team);
}
