/* Tries each option that only one metric type has, with right and wrong values, on every metric
 * type and on every family. All other types refuse it. */
#include <dataclay_metrics.h>

#include "exposition.h"
#include "tap.h"

static dcm_registry *registry;

/* Makes a metric or a family with options, and frees it. */
#define MAKE(made, type)                                                                           \
    static dcm_status made(const dcm_options *options) {                                           \
        dcm_##type *metric = NULL;                                                                 \
        dcm_status status = dcm_##type##_new_with(registry, options, &metric);                     \
        dcm_##type##_free(metric);                                                                 \
        return status;                                                                             \
    }

MAKE(counter, counter)
MAKE(gauge, gauge)
MAKE(histogram, histogram)
MAKE(summary, summary)
MAKE(state_set, state_set)
MAKE(info, info)
MAKE(counters, counter_family)
MAKE(gauges, gauge_family)
MAKE(histograms, histogram_family)
MAKE(summaries, summary_family)
MAKE(state_sets, state_set_family)
MAKE(infos, info_family)

static const struct type {
    const char *name; /* in the plural, as in messages */
    dcm_status (*make)(const dcm_options *);
    int is_family;
} types[] = {
    {"counters", counter, 0},     {"counters", counters, 1},
    {"gauges", gauge, 0},         {"gauges", gauges, 1},
    {"histograms", histogram, 0}, {"histograms", histograms, 1},
    {"summaries", summary, 0},    {"summaries", summaries, 1},
    {"state sets", state_set, 0}, {"state sets", state_sets, 1},
    {"infos", info, 0},           {"infos", infos, 1},
};

static const double ascending[] = {1, 5}, descending[] = {5, 1};
static const char *const states[] = {"open", "closed"}, *const label_names[] = {"a"};
static const dcm_native_buckets native = {3, 1e-6, 1e3, 0, 0}, wrong_native = {9, 1e-6, 1e3, 0, 0};

static const struct option {
    const char *type;    /* the only type that has it */
    dcm_status status;   /* what that type returns */
    const char *refusal; /* the start of the error of all other types */
    const double *buckets;
    size_t bucket_count;
    const char *const *states;
    size_t state_count;
    const dcm_native_buckets *native_buckets;
    size_t gauge_merge;
} options[] = {
    {"histograms", DCM_OK, "buckets=\"2 bounds\"", ascending, 2, NULL, 0, NULL, 0},
    {"histograms", DCM_ERROR_SETTING, "buckets=\"2 bounds\"", descending, 2, NULL, 0, NULL, 0},
    {"histograms", DCM_ERROR_SETTING, "buckets=\"0 bounds\"", ascending, 0, NULL, 0, NULL, 0},
    {"histograms", DCM_ERROR_NULL, "buckets=\"2 bounds\"", NULL, 2, NULL, 0, NULL, 0},
    {"histograms", DCM_OK, "native_buckets=\"schema 3\"", NULL, 0, NULL, 0, &native, 0},
    {"histograms", DCM_ERROR_SETTING, "native_buckets=\"schema 9\"", NULL, 0, NULL, 0,
     &wrong_native, 0},
    {"state sets", DCM_OK, "states=\"2 states\"", NULL, 0, states, 2, NULL, 0},
    {"state sets", DCM_ERROR_SETTING, "states=\"0 states\"", NULL, 0, states, 0, NULL, 0},
    {"state sets", DCM_ERROR_NULL, "states=\"2 states\"", NULL, 0, NULL, 2, NULL, 0},
    {"gauges", DCM_OK, "gauge_merge=\"9\"", NULL, 0, NULL, 0, NULL, DCM_GAUGE_EACH_OF_ALL},
    {"gauges", DCM_ERROR_ARGUMENT, "gauge_merge=\"77\"", NULL, 0, NULL, 0, NULL, 77},
};

enum { TYPES = sizeof types / sizeof *types, OPTIONS = sizeof options / sizeof *options };

static void try_option(const struct type *type, const struct option *option) {
    dcm_options made = DCM_OPTIONS("x", "");
    dcm_status expected = DCM_ERROR_SETTING, got;
    char what[256];
    made.label_names = type->is_family ? label_names : NULL;
    made.label_name_count = type->is_family;
    /* A state set needs its states. */
    if (strcmp(type->name, "state sets") == 0) {
        made.states = states;
        made.state_count = 2;
    }
    if (strcmp(type->name, option->type) == 0) {
        expected = option->status;
    }
    if (strcmp(option->type, "state sets") == 0) {
        made.states = option->states;
        made.state_count = option->state_count;
    }
    made.buckets = option->buckets;
    made.bucket_count = option->bucket_count;
    made.native_buckets = option->native_buckets;
    made.gauge_merge = option->gauge_merge;
    NEED(dcm_registry_new(&registry));
    got = type->make(&made);
    snprintf(what, sizeof what, "%s%s %s %s", type->is_family ? "families of " : "", type->name,
             expected == DCM_OK ? "accept" : "refuse", option->refusal);
    CHECK(got == expected && is_empty(registry) == (got != DCM_OK), what);
    if (strcmp(type->name, option->type) != 0) {
        char message[128];
        snprintf(message, sizeof message, "%s: is an option of %s", option->refusal, option->type);
        CHECK(strcmp(dcm_error_last(), message) == 0, what);
    }
    dcm_registry_free(registry);
}

int main(void) {
    for (int type = 0; type < TYPES; ++type) {
        for (int option = 0; option < OPTIONS; ++option) {
            try_option(&types[type], &options[option]);
        }
    }
    return tap_end();
}
