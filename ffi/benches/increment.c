/* Measures one increment through dlopen: this library's, an empty call, and peers. `make bench-c`.
 *
 *     increment LIBDATACLAY_METRICS LIBPEERS
 *
 * It prints the minimum and the median over the rounds, in ns per call as one thread sees it. That
 * includes the call through a pointer and the loop. The rounds take turns, so that other load on
 * the machine meets all of them. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 15, CALLS = 2000000, MOST_THREADS = 4 };

typedef void (*increment)(const void *counter);

static increment measured;
static const void *counter;
static pthread_barrier_t barrier;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *measure(void *ns) {
    increment call = measured;
    const void *argument = counter;
    call(argument); /* the first call of a thread claims its memory */
    pthread_barrier_wait(&barrier);
    double began = now();
    for (int i = 0; i < CALLS; ++i) {
        call(argument);
    }
    *(double *)ns = (now() - began) / CALLS;
    return NULL;
}

static double round_of(int threads) {
    pthread_t thread[MOST_THREADS];
    double ns[MOST_THREADS], sum = 0;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int i = 0; i < threads; ++i) {
        if (pthread_create(&thread[i], NULL, measure, &ns[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < threads; ++i) {
        pthread_join(thread[i], NULL);
        sum += ns[i];
    }
    pthread_barrier_destroy(&barrier);
    return sum / threads;
}

static int by_size(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

int main(int count, char **arguments) {
    void *ours = dlopen(count == 3 ? arguments[1] : "", RTLD_NOW | RTLD_LOCAL);
    void *peers = dlopen(count == 3 ? arguments[2] : "", RTLD_NOW | RTLD_LOCAL);
    if (ours == NULL || peers == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    dcm_status (*registry_new)(dcm_registry **);
    dcm_status (*counter_new)(dcm_registry *, const char *, const char *, const dcm_label *, size_t,
                              dcm_counter **);
    *(void **)&registry_new = symbol(ours, "dcm_registry_new");
    *(void **)&counter_new = symbol(ours, "dcm_counter_new");
    dcm_registry *registry;
    dcm_counter *made;
    if (registry_new(&registry) != DCM_OK ||
        counter_new(registry, "increments", "", NULL, 0, &made) != DCM_OK) {
        return 1;
    }
    counter = made;

    struct {
        const char *name;
        void *call;
        double ns[ROUNDS];
    } all[] = {
        {"empty call", symbol(peers, "peer_empty"), {0}},
        {"plain add", symbol(peers, "peer_add"), {0}},
        {"dcm_counter_inc", symbol(ours, "dcm_counter_inc"), {0}},
        {"lock xadd", symbol(peers, "peer_lock_xadd"), {0}},
        {"digitalocean style", symbol(peers, "peer_locking"), {0}},
    };
    enum { ALL = sizeof all / sizeof *all };
    for (int threads = 1; threads <= MOST_THREADS; threads *= MOST_THREADS) {
        for (int round = 0; round < ROUNDS; ++round) {
            for (int i = 0; i < ALL; ++i) {
                *(void **)&measured = all[i].call;
                all[i].ns[round] = round_of(threads);
            }
        }
        printf("%d thread%s            minimum   median   of an empty call\n", threads,
               threads == 1 ? " " : "s");
        double empty = 0;
        for (int i = 0; i < ALL; ++i) {
            qsort(all[i].ns, ROUNDS, sizeof(double), by_size);
            double least = all[i].ns[0];
            empty = i == 0 ? least : empty;
            printf("  %-18s %8.2f %8.2f   %6.1f x\n", all[i].name, least, all[i].ns[ROUNDS / 2],
                   least / empty);
        }
    }
    return 0;
}
