/* Checks that a call is refused with the right status and error. */
#ifndef REFUSED_H
#define REFUSED_H

#include "tap.h"

/* Checks the status of the last call, and that its error starts with `message`. */
static inline void refused(dcm_status status, dcm_status expected, const char *message) {
    const char *error = dcm_error_last();
    char what[256];
    snprintf(what, sizeof what, "refused: %s", error);
    CHECK(status == expected && strncmp(error, message, strlen(message)) == 0, what);
}

/* Checks the status of the last call, and that its error names the value and the rule. */
static inline void refused_by(dcm_status status, dcm_status expected, const char *value,
                              const char *rule) {
    const char *error = dcm_error_last();
    char what[256];
    snprintf(what, sizeof what, "refused: %s: %s", dcm_status_message(expected), error);
    CHECK(status == expected && strstr(error, value) != NULL && strstr(error, rule) != NULL, what);
}

/* Checks that no endpoint starts with these options. */
static inline void start_refused(const dcm_registry *registry, const dcm_http_options *options,
                                 dcm_status expected, const char *message) {
    dcm_exporter *none = NULL;
    refused(dcm_exporter_start_http_with(registry, options, &none), expected, message);
    CHECK(none == NULL, "no handle is written on an error");
}

#endif
