/* The threads of the library take no signal of the process and have the system's stack size. This
 * includes the threads that run functions of the program, and the one that looks up the name of a
 * gateway. The file has its own getaddrinfo, which records the settings of the calling thread. */
#define _GNU_SOURCE
#include <dataclay_metrics.h>

#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

#include "http.h"
#include "tap.h"

static const int for_the_process[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
                                      SIGALRM, SIGCHLD, SIGPIPE, SIGPROF, SIGABRT};
static const int of_the_thread[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

/* The settings of the threads that called the three functions below. */
static struct {
    pthread_mutex_t lock;
    int calls, right_signals, right_stacks;
} seen[3] = {{PTHREAD_MUTEX_INITIALIZER, 0, 0, 0},
             {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0},
             {PTHREAD_MUTEX_INITIALIZER, 0, 0, 0}};

static int has_right_signals(const sigset_t *blocked) {
    size_t at;
    for (at = 0; at < sizeof for_the_process / sizeof *for_the_process; ++at) {
        if (!sigismember(blocked, for_the_process[at])) {
            return 0;
        }
    }
    for (at = 0; at < sizeof of_the_thread / sizeof *of_the_thread; ++at) {
        if (sigismember(blocked, of_the_thread[at])) {
            return 0;
        }
    }
    return 1;
}

static void record(int who) {
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
    pthread_mutex_lock(&seen[who].lock);
    ++seen[who].calls;
    seen[who].right_signals += has_right_signals(&blocked);
    seen[who].right_stacks += own_size >= usual_size;
    pthread_mutex_unlock(&seen[who].lock);
}

static void check(int who, const char *what) {
    pthread_mutex_lock(&seen[who].lock);
    CHECK(seen[who].calls > 0 && seen[who].right_signals == seen[who].calls, what);
    CHECK(seen[who].right_stacks == seen[who].calls, "... with the stack of the system");
    pthread_mutex_unlock(&seen[who].lock);
}

static int gauge_function(void *user_data, double *value) {
    (void)user_data;
    record(0);
    *value = 1;
    return 0;
}

static void log_function(void *user_data, int level, const char *message) {
    (void)user_data, (void)level, (void)message;
    record(1);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result) {
    (void)node, (void)service, (void)hints, (void)result;
    record(2);
    return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list) { (void)list; }

/* Counts the threads of this process, and those but the calling one with the right signals. */
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
    uint16_t port;
    int all, right, got, at, same = 1;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    dcm_log_set_function(log_function, NULL);
    NEED(dcm_registry_new(&registry));
    NEED(dcm_gauge_new(registry, "level", "", NULL, 0, &gauge));
    NEED(dcm_gauge_set_function(gauge, gauge_function, NULL, NULL));
    NEED(dcm_gateway_new("gateway.example:9091", "signals", NULL, 0, &gateway));
    NEED(dcm_exporter_start_http(registry, "127.0.0.1", 0, &server));
    NEED(dcm_exporter_port(server, &port));
    CHECK(served(port, "level 1\n"), "the endpoint serves");
    check(0, "a gauge's function runs on a thread that takes no signals");

    NEED(dcm_exporter_start_push(registry, gateway, 60, &pusher));
    for (at = 0; at < 1000; ++at) {
        pthread_mutex_lock(&seen[1].lock);
        got = seen[1].calls;
        pthread_mutex_unlock(&seen[1].lock);
        if (got > 0) {
            break;
        }
        usleep(10000);
    }
    check(1, "a log function runs on a thread that takes no signals");
    check(2, "a push thread looks a name up on a thread that takes no signals");

    count_threads(&all, &right);
    CHECK(all >= 3 && right == all, "no thread of the library takes a signal of the process");

    seen[2].calls = seen[2].right_signals = seen[2].right_stacks = 0;
    CHECK(dcm_gateway_push(gateway, registry) == DCM_ERROR_PUSH, "no gateway has that name");
    check(2, "a push on the program's thread looks a name up on such a thread");

    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (at = 1; at < 32; ++at) {
        same = same && sigismember(&before, at) == sigismember(&after, at);
    }
    CHECK(same, "the program's thread takes the signals that it took before");

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    kill(getpid(), SIGTERM);
    CHECK(sigwait(&wanted, &got) == 0 && got == SIGTERM, "sigwait gets the signal");

    dcm_exporter_stop(pusher, 0);
    dcm_exporter_free(pusher);
    dcm_exporter_free(server);
    dcm_gateway_free(gateway);
    dcm_gauge_free(gauge);
    dcm_registry_free(registry);
    return tap_end();
}
