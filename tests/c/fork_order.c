/* Forks with another library that was loaded before. It takes its lock when a fork begins, and uses
 * this library under that lock. The handlers of this library run after such a lock is taken, so
 * neither waits for the other.
 *
 *     fork_order
 */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { PATIENCE = 60, FORKS = 300 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dcm_registry *registry;
static dcm_counter_family *family;
static sem_t over;

static void prepare(void) {
    pthread_mutex_lock(&lock);
}

static void release(void) {
    pthread_mutex_unlock(&lock);
}

static void look_up(unsigned round) {
    char text[16];
    const char *values[1];
    dcm_counter *counter;
    snprintf(text, sizeof text, "%u", round % 50);
    values[0] = text;
    if (dcm_counter_family_with_labels(family, values, 1, &counter) == DCM_OK) {
        dcm_counter_inc(counter);
        dcm_counter_free(counter);
    }
    dcm_counter_family_remove(family, values, 1);
}

static void make(unsigned round) {
    dcm_counter *counter;
    (void)round;
    if (dcm_counter_new(registry, "made", "", NULL, 0, &counter) == DCM_OK) {
        dcm_counter_unregister(counter, registry);
        dcm_counter_free(counter);
    }
}

static void set_log(unsigned round) {
    (void)round;
    dcm_log_set_function(NULL, NULL);
}

static void (*use)(unsigned);

static void *use_it_under_the_lock(void *unused) {
    for (unsigned round = 0; sem_trywait(&over) != 0; round++) {
        pthread_mutex_lock(&lock);
        use(round);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static int forks_end(void (*with)(unsigned)) {
    struct timespec begin, now;
    pthread_t thread;
    int status = 0;
    int wrong = 0;
    use = with;
    sem_init(&over, 0, 0);
    wrong |= pthread_create(&thread, NULL, use_it_under_the_lock, NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int done = 0; done < FORKS; done++) {
        alarm(PATIENCE); /* ends this program if a fork never returns */
        pid_t child = fork();
        if (child == 0) {
            alarm(PATIENCE);
            with(0);
            _exit(0);
        }
        waitpid(child, &status, 0);
        wrong |= status;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > begin.tv_sec + 5) {
            break;
        }
    }
    alarm(0);
    sem_post(&over);
    pthread_join(thread, NULL);
    return !wrong;
}

int main(void) {
    static const char *names[] = {"k"};
    /* The program installs its handler after the library, so its handler runs first. */
    pthread_atfork(prepare, release, release);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_counter_family_new(registry, "f", "", names, 1, &family));
    CHECK(forks_end(look_up), "children are looked up under the lock of another library");
    CHECK(forks_end(make), "counters are made under the lock of another library");
    CHECK(forks_end(set_log), "the log function is set under the lock of another library");
    dcm_counter_family_free(family);
    dcm_registry_free(registry);
    return tap_end();
}
