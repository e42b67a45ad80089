/* A service with threads that counts the requests it serves. Prometheus scrapes it over HTTP. With
 * an argument it also pushes to a Pushgateway.
 *
 *     cc -std=c99 -pthread service.c $(pkg-config --cflags --libs dataclay_metrics) -o service
 *     ./service [GATEWAY_HOST:PORT]
 *
 * It prints the URL of its metrics and runs until its standard input ends. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, REQUESTS = 250000 };

static dcm_counter *served, *failed; /* a look-up costs more than an increment */

static void *serve(void *unused) {
    for (int request = 0; request < REQUESTS; ++request) {
        dcm_counter_inc(served);
        if (request % 100 == 0) {
            dcm_counter_inc(failed);
        }
    }
    return unused;
}

/* Returns the value of a gauge, for each scrape and push. */
static int threads_now(void *threads, double *value) {
    *value = *(const int *)threads;
    return 0;
}

static void log_line(void *unused, int level, const char *message) {
    (void)unused;
    fprintf(stderr, "metrics: %s%s\n", level == DCM_LOG_ERROR ? "error: " : "", message);
}

static void must(dcm_status status) {
    if (status != DCM_OK) {
        fprintf(stderr, "%s: %s\n", dcm_status_message(status), dcm_error_last());
        exit(1);
    }
}

int main(int count, char **arguments) {
    static int threads = THREADS;
    const char *const names[] = {"method", "code"};
    const char *const get_200[] = {"get", "200"}, *const get_500[] = {"get", "500"};
    dcm_registry *registry;
    dcm_counter_family *requests;
    dcm_gauge *gauge;
    dcm_exporter *http, *push = NULL;
    char *url;

    dcm_log_set_function(log_line, NULL);
    must(dcm_registry_new(&registry));
    must(dcm_counter_family_new(registry, "requests", "Requests served", names, 2, &requests));
    must(dcm_counter_family_with_labels(requests, get_200, 2, &served));
    must(dcm_counter_family_with_labels(requests, get_500, 2, &failed));
    must(dcm_gauge_new(registry, "service_threads", "Threads that serve", NULL, 0, &gauge));
    must(dcm_gauge_set_function(gauge, threads_now, &threads, NULL));

    must(dcm_exporter_start_http(registry, "127.0.0.1", 0, &http));
    must(dcm_exporter_url(http, &url));
    printf("%s\n", url);
    fflush(stdout);
    dcm_string_free(url);
    if (count > 1) {
        char instance[32];
        snprintf(instance, sizeof instance, "service:%ld", (long)getpid());
        const dcm_label labels[] = {{"instance", instance}};
        dcm_gateway *gateway;
        must(dcm_gateway_new(arguments[1], "service", labels, 1, &gateway));
        must(dcm_gateway_set_timeout(gateway, 2));
        must(dcm_exporter_start_push(registry, gateway, 1, &push));
        dcm_gateway_free(gateway);
    }

    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; ++i) {
        if (pthread_create(&thread[i], NULL, serve, NULL) != 0) {
            return 1;
        }
    }
    for (int i = 0; i < THREADS; ++i) {
        pthread_join(thread[i], NULL);
    }
    while (getchar() != EOF) {
    }

    if (push != NULL) {
        must(dcm_exporter_stop(push, 2)); /* pushes a last time */
    }
    dcm_exporter_free(push);
    dcm_exporter_free(http);
    dcm_gauge_free(gauge);
    dcm_counter_free(failed);
    dcm_counter_free(served);
    dcm_counter_family_free(requests);
    dcm_registry_free(registry);
    return 0;
}
