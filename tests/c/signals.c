/* The threads of the library block the signals of the process, and have the system's stack size.
 * These are also the threads that call functions of the program, and the one that looks up the name
 * of a gateway. This file replaces getaddrinfo, which then records the settings of its thread. */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

#include "http.h"
#include "tap.h"

static const int signals_of_process[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
                                      SIGALRM, SIGCHLD, SIGPIPE, SIGPROF, SIGABRT};
static const int signals_of_thread[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

enum function { GAUGE, LOG, LOOK_UP, FUNCTIONS };

/* For each function: its calls, and how many of them had the right settings of their thread. */
static struct {
    pthread_mutex_t lock;
    int calls, right_signals, right_stacks;
} seen[FUNCTIONS] = {{PTHREAD_MUTEX_INITIALIZER, 0, 0, 0},
             {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0},
             {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0}};

static int has_right_signals(const sigset_t *blocked) {
    size_t at;
    for (at = 0; at < sizeof signals_of_process / sizeof *signals_of_process; ++at) {
        if (!sigismember(blocked, signals_of_process[at])) {
            return 0;
        }
    }
    for (at = 0; at < sizeof signals_of_thread / sizeof *signals_of_thread; ++at) {
        if (sigismember(blocked, signals_of_thread[at])) {
            return 0;
        }
    }
    return 1;
}

static void record(enum function function) {
    sigset_t blocked;
    pthread_attr_t usual, own;
    size_t usual_size = 0, own_size = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    pthread_attr_init(&usual);
    pthread_attr_getstacksize(&usual, &usual_size);
    pthread_attr_destroy(&usual);
    pthread_getattr_np(pthread_self(), &own);
    pthread_attr_getstacksize(&own, &own_size);
    pthread_attr_destroy(&own);
    pthread_mutex_lock(&seen[function].lock);
    ++seen[function].calls;
    seen[function].right_signals += has_right_signals(&blocked);
    seen[function].right_stacks += own_size >= usual_size;
    pthread_mutex_unlock(&seen[function].lock);
}

static void check(enum function function, const char *what) {
    char stack[128];
    snprintf(stack, sizeof stack, "%s and has the system's stack size", what);
    pthread_mutex_lock(&seen[function].lock);
    CHECK(seen[function].calls > 0 && seen[function].right_signals == seen[function].calls, what);
    CHECK(seen[function].right_stacks == seen[function].calls, stack);
    pthread_mutex_unlock(&seen[function].lock);
}

static int gauge_function(void *user_data, double *value) {
    (void)user_data;
    record(GAUGE);
    *value = 1;
    return 0;
}

static void log_function(void *user_data, int level, const char *message) {
    (void)user_data, (void)level, (void)message;
    record(LOG);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    (void)node, (void)service, (void)hints, (void)result;
    record(LOOK_UP);
    return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list) { (void)list; }

/* Counts the other threads of this process, and those of them that block the right signals. */
static void count_threads(int *all, int *right) {
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    *all = *right = 0;
    while ((entry = readdir(tasks)) != NULL) {
        char path[300], line[200];
        FILE *status;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == (int)getpid() ||
            (status = fopen(path, "r")) == NULL) {
            continue;
        }
        ++*all;
        while (fgets(line, sizeof line, status) != NULL) {
            if (strncmp(line, "SigBlk:", 7) == 0) {
                unsigned long long blocked = strtoull(line + 7, NULL, 16);
                *right += (blocked >> (SIGTERM - 1) & 1) && !(blocked >> (SIGSEGV - 1) & 1);
            }
        }
        fclose(status);
    }
    closedir(tasks);
}

int main(void) {
    dcm_registry *registry;
    dcm_gauge *gauge;
    dcm_gateway *gateway;
    dcm_exporter *server, *pusher;
    sigset_t before, after, wanted;
    int all, right, calls, signal_number, at, same = 1;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    dcm_log_set_function(log_function, NULL);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gauge_new(registry, "level", "", NULL, 0, &gauge));
    NEED(dcm_gauge_set_function(gauge, gauge_function, NULL, NULL));
    NEED(dcm_gateway_new("gateway.example:9091", "signals", NULL, 0, &gateway));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &server));
    CHECK(served(port_of(server), "level 1\n"), "the scrape endpoint calls the gauge's function");
    check(GAUGE, "the thread that calls a gauge's function takes no signals");

    NEED(dcm_exporter_start_push(registry, gateway, 60, &pusher));
    for (at = 0; at < 1000; ++at) {
        pthread_mutex_lock(&seen[LOG].lock);
        calls = seen[LOG].calls;
        pthread_mutex_unlock(&seen[LOG].lock);
        if (calls > 0) {
            break;
        }
        usleep(10000);
    }
    check(LOG, "the thread that calls the log function takes no signals");
    check(LOOK_UP, "the thread that looks up a name for a push exporter takes no signals");

    count_threads(&all, &right);
    CHECK(all >= 3 && right == all, "no thread of the library takes a signal of the process");

    seen[LOOK_UP].calls = seen[LOOK_UP].right_signals = seen[LOOK_UP].right_stacks = 0;
    CHECK(dcm_gateway_push(gateway, registry) == DCM_ERROR_PUSH, "a push to an unknown name fails");
    check(LOOK_UP, "the thread that looks up a name for dcm_gateway_push takes no signals");

    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (at = 1; at < 32; ++at) {
        same = same && sigismember(&before, at) == sigismember(&after, at);
    }
    CHECK(same, "the program's thread blocks the same signals as before");

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    kill(getpid(), SIGTERM);
    CHECK(sigwait(&wanted, &signal_number) == 0 && signal_number == SIGTERM,
          "sigwait returns a signal of the process");

    dcm_exporter_stop(pusher, 0);
    dcm_exporter_free(pusher);
    dcm_exporter_free(server);
    dcm_gateway_free(gateway);
    dcm_gauge_free(gauge);
    dcm_registry_free(registry);
    return tap_end();
}
