/* A service that forks while it pushes. tests/python/test_c.py checks the groups on the gateway.
 *
 *     fork_push ADDRESS
 *
 * The parent counts 3, forks, and prints the process id of the child. The child counts 5, and one
 * more when standard input ends. */
#define _POSIX_C_SOURCE 200809L
#include <dataclay_metrics.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(dcm_status status) {
    if (status != DCM_OK) {
        fprintf(stderr, "%s\n", dcm_error_last());
        exit(1);
    }
}

int main(int arguments, char **argument) {
    const dcm_label instance[] = {{"instance", "parent"}};
    dcm_registry *registry;
    dcm_counter *counter;
    dcm_gateway *gateway;
    dcm_exporter *exporter;
    char byte;
    int status = 0;
    need(dcm_registry_new(&registry));
    need(dcm_counter_new(registry, "forked", "", NULL, 0, &counter));
    dcm_counter_inc_by(counter, 3);
    need(dcm_gateway_new(arguments > 1 ? argument[1] : "", "fork_push", instance, 1, &gateway));
    need(dcm_exporter_start_push(registry, gateway, 0.2, &exporter));

    pid_t child = fork();
    if (child == 0) {
        dcm_counter_inc_by(counter, 5);
    } else {
        printf("%ld\n", (long)child);
        fflush(stdout);
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    if (child == 0) {
        dcm_counter_inc(counter);
        need(dcm_exporter_stop(exporter, 10));
    } else {
        waitpid(child, &status, 0);
    }
    dcm_exporter_free(exporter);
    dcm_gateway_free(gateway);
    dcm_counter_free(counter);
    dcm_registry_free(registry);
    return status != 0;
}
