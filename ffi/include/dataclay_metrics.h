/* dataclay_metrics.h: counters for hot paths, and their way to Prometheus.
 *
 *     cc service.c $(pkg-config --cflags --libs dataclay_metrics)
 *
 *     dcm_registry *registry;
 *     dcm_counter *requests;
 *     dcm_exporter *exporter;
 *     if (dcm_registry_new(&registry) != DCM_OK ||
 *         dcm_counter_new(registry, "requests", "Requests served", NULL, 0, &requests) != DCM_OK ||
 *         dcm_exporter_start_http(registry, "127.0.0.1", 8000, &exporter) != DCM_OK) {
 *         fprintf(stderr, "%s\n", dcm_error_last());
 *         exit(1);
 *     }
 *     dcm_counter_inc(requests);
 *
 * The rules, which hold for every function unless it says otherwise:
 *
 * Handles   Opaque. What a _new, _start_ or _with_labels function gave is the caller's, who frees
 *           it once with the _free of its type; a const pointer is borrowed and is not freed. A
 *           handle keeps alive what it needs: a counter works on after its registry was freed, an
 *           exporter keeps exporting one, and a registry keeps exporting a counter whose handle
 *           was freed until it is unregistered.
 * Threads   Every function may be called from any thread, on the same handle too. Only a _free must
 *           be the last call on its handle, and dcm_gateway_set_* have the gateway to themselves.
 * NULL      _free of NULL does nothing, and so do the functions that return void. Others return
 *           DCM_ERROR_NULL, or NULL, or "". `help` may be "", not NULL. An array may be NULL if its
 *           count is 0.
 * Strings   UTF-8 that ends in NUL, read during the call and not kept. What is returned as const
 *           char * belongs to the library.
 * Results   A dcm_status. Results go out through the last parameter, which is written on DCM_OK and
 *           left as it was on anything else.
 * Errors    dcm_error_last() has the words: what was refused, and the rule it breaks.
 * Times     Seconds as a double, from 0 to 31536000 (365 days).
 * Panics    A defect of this library does not end the process: the function returns
 *           DCM_ERROR_PANIC (or nothing, NULL, ""), and the library writes a line to stderr.
 * Fork      A child of fork() may use every handle. Its counters start at zero, gauges keep their
 *           values; its exporters export its own counts from then on: a scrape endpoint on another
 *           port (dcm_exporter_port; the first free one of the 100 from the one asked for, or any
 *           if that was 0), a push exporter to a group whose label "instance" ends in the child's process id.
 * Memory    Where there is none, the process ends (abort), as with most programs in Rust.
 * Signals   No function may be called from a signal handler.
 * Loading   By the linker or by dlopen(), before or after threads were started. dlclose() leaves
 *           the library where it is, because its threads and fork handlers must stay valid.
 *
 * C99 or newer, C++11 or newer. Functions and numbers stay as they are within a soname.
 */
#ifndef DATACLAY_METRICS_H
#define DATACLAY_METRICS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version -------------------------------------------------------------------------------- */

#define DCM_VERSION_MAJOR 0
#define DCM_VERSION_MINOR 1
#define DCM_VERSION_PATCH 0
#define DCM_VERSION "0.1.0"

/* The version of the library that runs, in the form of DCM_VERSION. */
const char *dcm_version(void);

/* ---- Results -------------------------------------------------------------------------------- */

/* What a call came to. A number never changes its meaning; later versions may add more. */
typedef enum dcm_status {
    DCM_OK = 0,
    DCM_ERROR_NULL = 1,              /* an argument is NULL that must not be */
    DCM_ERROR_UTF8 = 2,              /* a string is not UTF-8 */
    DCM_ERROR_ARGUMENT = 3,          /* an argument is out of its range */
    DCM_ERROR_METRIC_NAME = 4,       /* not of the form [a-zA-Z_:][a-zA-Z0-9_:]* */
    DCM_ERROR_LABEL = 5,             /* a label's name, a set of labels, or their number */
    DCM_ERROR_AMOUNT = 6,            /* a counter cannot hold that amount */
    DCM_ERROR_DUPLICATE = 7,         /* the registry has a metric of that name */
    DCM_ERROR_NOT_REGISTERED = 8,    /* the registry does not have that metric */
    DCM_ERROR_TOO_MANY_COUNTERS = 9, /* 2^26 counters are alive */
    DCM_ERROR_SETTING = 10,          /* an environment variable, a role, an address of a gateway */
    DCM_ERROR_LISTEN = 11,           /* the scrape endpoint cannot listen there */
    DCM_ERROR_PUSH = 12,             /* the gateway did not answer in time, or refused */
    DCM_ERROR_SYSTEM = 13,           /* the operating system refused a thread or a descriptor */
    DCM_ERROR_BUFFER_TOO_SMALL = 14, /* the text does not fit */
    DCM_ERROR_ABSENT = 15,           /* what was asked for is not there */
    DCM_ERROR_TIMEOUT = 16,          /* not over in time */
    DCM_ERROR_PANIC = 17,            /* a defect of this library, which goes on */
    DCM_ERROR_OTHER = 18             /* any other */
} dcm_status;

/* What a status means, in general. Takes any number. Lives as long as the library. */
const char *dcm_status_message(dcm_status status);

/* The calling thread's last error, with the refused value and the rule; "" if there was none. The
 * thread's next error overwrites it, the thread's end frees it. At most 1023 bytes; cut if longer. */
const char *dcm_error_last(void);

/* A label of a metric or of a group on a Pushgateway. The name matches [a-zA-Z_][a-zA-Z0-9_]* and
 * does not begin with __; the value is any text. */
typedef struct dcm_label {
    const char *name;
    const char *value;
} dcm_label;

/* ---- Registry: which metrics there are ------------------------------------------------------ */

/* A set of metrics with unique names, exported together. */
typedef struct dcm_registry dcm_registry;

/* The text formats that Prometheus reads. */
typedef enum dcm_format {
    DCM_FORMAT_TEXT = 0,       /* text format 0.0.4 */
    DCM_FORMAT_OPENMETRICS = 1 /* OpenMetrics 1.0 */
} dcm_format;

/* An empty registry. */
dcm_status dcm_registry_new(dcm_registry **out);

/* The metrics as text, into a buffer of the caller's: the text and a NUL, if both fit in `capacity`
 * bytes. `length` gets the length of the text without the NUL, also on DCM_ERROR_BUFFER_TOO_SMALL,
 * which leaves the buffer as it was: a capacity of 0 asks for the length. The next text may be
 * longer, because counters count on. Calls the functions of gauges on this thread. */
dcm_status dcm_registry_encode(const dcm_registry *registry, dcm_format format, char *buffer,
                               size_t capacity, size_t *length);

/* The same as a new string of any length, to be freed with dcm_string_free. */
dcm_status dcm_registry_encode_new(const dcm_registry *registry, dcm_format format, char **out);

/* For the strings of this library, not for malloc's. */
void dcm_string_free(char *string);

/* The Content-Type of a format, for who serves it himself; "" for any other number. */
const char *dcm_format_content_type(dcm_format format);

/* Has the registry export the numbers on this library itself (dataclay_metrics_*: scrapes, pushes
 * and their failures, failures of gauges' functions), or export them no longer. */
dcm_status dcm_health_register(dcm_registry *registry);
dcm_status dcm_health_unregister(dcm_registry *registry);

/* Frees the handle. What exports the registry goes on, and so do its metrics. */
void dcm_registry_free(dcm_registry *registry);

/* ---- Counter: it only goes up --------------------------------------------------------------- */

typedef struct dcm_counter dcm_counter;

/* A counter at zero, exported by `registry` from now on. `_total` is added to the name if it is
 * missing. `labels` never change: metrics of one name have the same help and the same label names.
 * On an error nothing is registered. */
dcm_status dcm_counter_new(dcm_registry *registry, const char *name, const char *help,
                           const dcm_label *labels, size_t count, dcm_counter **out);

/* Adds 1. Takes no lock, never blocks, cannot fail. It allocates at most once in a thread's life:
 * when it claims the thread's memory for all counters, as a rule by the first increment. */
void dcm_counter_inc(const dcm_counter *counter);

/* Adds a whole amount, as dcm_counter_inc. The sum wraps around at 2^64. */
void dcm_counter_inc_by(const dcm_counter *counter, uint64_t amount);

/* Adds an amount that need not be whole. DCM_ERROR_AMOUNT if it is negative, infinite or NaN: then
 * nothing is counted. A thread's first amount that is not whole allocates once more. */
dcm_status dcm_counter_inc_by_double(const dcm_counter *counter, double amount);

/* The sum over all threads, without what is behind the point: exact once the threads that count
 * were joined; never smaller than what the same thread read before. Slower with every thread that
 * counted at the same time. */
dcm_status dcm_counter_get(const dcm_counter *counter, uint64_t *out);

/* The same with what is behind the point; exact up to 2^53. */
dcm_status dcm_counter_get_double(const dcm_counter *counter, double *out);

/* Has one more registry export the counter; the same one again after dcm_counter_unregister. */
dcm_status dcm_counter_register(const dcm_counter *counter, dcm_registry *registry);

/* Has a registry export the counter no longer. The counter itself works on. */
dcm_status dcm_counter_unregister(const dcm_counter *counter, dcm_registry *registry);

/* Frees the handle. The registry exports the counter until it is unregistered. */
void dcm_counter_free(dcm_counter *counter);

/* ---- Gauge: it goes both ways --------------------------------------------------------------- */

typedef struct dcm_gauge dcm_gauge;

/* A gauge's value when it is read. Writes it and returns 0; any other number leaves the gauge out
 * of that reading. Runs on the thread that calls dcm_gauge_get or encodes, or on a thread of the
 * library's for a scrape or a push, maybe on two at a time, with no lock of the library held. A
 * scrape or push waits half a second for it and goes on without. It may use every metric, but must
 * not read its own gauge; it must not throw or longjmp. */
typedef int (*dcm_gauge_function)(void *user_data, double *value);

/* A gauge at zero. As dcm_counter_new, but the name stays as it is. */
dcm_status dcm_gauge_new(dcm_registry *registry, const char *name, const char *help,
                         const dcm_label *labels, size_t count, dcm_gauge **out);

/* Any double, NaN and infinities included. These five take no lock and cannot fail. */
void dcm_gauge_set(const dcm_gauge *gauge, double value);
void dcm_gauge_inc(const dcm_gauge *gauge);
void dcm_gauge_dec(const dcm_gauge *gauge);
void dcm_gauge_inc_by(const dcm_gauge *gauge, double amount);
void dcm_gauge_dec_by(const dcm_gauge *gauge, double amount);

/* From now on the value is what `function` gives; dcm_gauge_set and the like no longer show.
 * `free_user_data`, unless it is NULL, is called with `user_data` once, when no thread will call the
 * function again: it was replaced, or the gauge is neither held nor registered any more. It is
 * called on the thread that lets go of it last. On an error it is not called. */
dcm_status dcm_gauge_set_function(const dcm_gauge *gauge, dcm_gauge_function function,
                                  void *user_data, void (*free_user_data)(void *user_data));

/* The value as a scrape would see it. DCM_ERROR_ABSENT if the gauge's function gave none. */
dcm_status dcm_gauge_get(const dcm_gauge *gauge, double *out);

/* As for counters. */
dcm_status dcm_gauge_register(const dcm_gauge *gauge, dcm_registry *registry);
dcm_status dcm_gauge_unregister(const dcm_gauge *gauge, dcm_registry *registry);
void dcm_gauge_free(dcm_gauge *gauge);

/* ---- Families: one metric for each set of label values -------------------------------------- */

/* Look a child up once and hold it: a held child costs what a plain metric costs, a look-up ten
 * times as much. A family holds 10,000 children; what is looked up beyond that is counted together,
 * in one child whose labels all say __overflow__. */
typedef struct dcm_counter_family dcm_counter_family;
typedef struct dcm_gauge_family dcm_gauge_family;

/* A family without children. */
dcm_status dcm_counter_family_new(dcm_registry *registry, const char *name, const char *help,
                                  const char *const *label_names, size_t count,
                                  dcm_counter_family **out);

/* The child with these values, one for each label name and in that order; made at zero if it is not
 * there. The handle is the caller's; freeing it leaves the child in the family. */
dcm_status dcm_counter_family_with_labels(const dcm_counter_family *family,
                                          const char *const *values, size_t count,
                                          dcm_counter **out);

/* Takes a child out: it is no longer exported, and the next one under these values starts at zero.
 * Handles of it work on. DCM_ERROR_ABSENT if it is not there. */
dcm_status dcm_counter_family_remove(const dcm_counter_family *family, const char *const *values,
                                     size_t count);

/* Takes all children out. */
dcm_status dcm_counter_family_clear(const dcm_counter_family *family);

dcm_status dcm_counter_family_register(const dcm_counter_family *family, dcm_registry *registry);
dcm_status dcm_counter_family_unregister(const dcm_counter_family *family, dcm_registry *registry);
void dcm_counter_family_free(dcm_counter_family *family);

/* The same for gauges. */
dcm_status dcm_gauge_family_new(dcm_registry *registry, const char *name, const char *help,
                                const char *const *label_names, size_t count,
                                dcm_gauge_family **out);
dcm_status dcm_gauge_family_with_labels(const dcm_gauge_family *family, const char *const *values,
                                        size_t count, dcm_gauge **out);
dcm_status dcm_gauge_family_remove(const dcm_gauge_family *family, const char *const *values,
                                   size_t count);
dcm_status dcm_gauge_family_clear(const dcm_gauge_family *family);
dcm_status dcm_gauge_family_register(const dcm_gauge_family *family, dcm_registry *registry);
dcm_status dcm_gauge_family_unregister(const dcm_gauge_family *family, dcm_registry *registry);
void dcm_gauge_family_free(dcm_gauge_family *family);

/* ---- The metrics of dataClay ---------------------------------------------------------------- */

/* The five metrics that dataClay documents. */
typedef struct dcm_dataclay dcm_dataclay;

/* The five, at zero. `registry` exports those of the role: all for "backend"; objects in memory,
 * misses and hits for "client"; none for "metadata" and "proxy". */
dcm_status dcm_dataclay_new(dcm_registry *registry, const char *role, dcm_dataclay **out);

/* Borrowed: each lives until dcm_dataclay_free and is not freed. NULL only for NULL. */
const dcm_gauge *dcm_dataclay_inmemory_objects(const dcm_dataclay *dataclay);
const dcm_gauge *dcm_dataclay_loaded_objects(const dcm_dataclay *dataclay);
const dcm_gauge *dcm_dataclay_stored_objects(const dcm_dataclay *dataclay);
const dcm_counter *dcm_dataclay_inmemory_misses_total(const dcm_dataclay *dataclay);
const dcm_counter *dcm_dataclay_inmemory_hits_total(const dcm_dataclay *dataclay);

void dcm_dataclay_free(dcm_dataclay *dataclay);

/* ---- Pushgateway ---------------------------------------------------------------------------- */

/* One group on one Pushgateway. A push replaces the whole group, so each process needs a group of
 * its own: label it with an instance. */
typedef struct dcm_gateway dcm_gateway;

/* The group of `job` and `labels` at `address`: "HOST:PORT" or "http://HOST:PORT[/PREFIX]". Sends
 * nothing yet. */
dcm_status dcm_gateway_new(const char *address, const char *job, const dcm_label *labels,
                           size_t count, dcm_gateway **out);

/* The longest that one request may take, name resolution included; 5 seconds unless set. */
dcm_status dcm_gateway_set_timeout(dcm_gateway *gateway, double seconds);

/* For a gateway that asks for a name, which holds no colon, and a password (HTTP basic
 * authentication). They go over the network unencrypted, and into no error and no log line. */
dcm_status dcm_gateway_set_basic_auth(dcm_gateway *gateway, const char *user,
                                      const char *password);

/* One request each, on this thread: replace the group by what the registry holds; replace the
 * families that the registry holds; delete the group. Safe to repeat. DCM_ERROR_PUSH with the
 * gateway's own words if it refused. */
dcm_status dcm_gateway_push(const dcm_gateway *gateway, const dcm_registry *registry);
dcm_status dcm_gateway_push_add(const dcm_gateway *gateway, const dcm_registry *registry);
dcm_status dcm_gateway_delete(const dcm_gateway *gateway);

void dcm_gateway_free(dcm_gateway *gateway);

/* ---- Exporters: threads that export a registry ---------------------------------------------- */

/* A running exporter. Stop it, or free it, before the process ends: a push exporter pushes a last
 * time then. exit() and a return from main() do not do it for you. */
typedef struct dcm_exporter dcm_exporter;

/* Serves GET /metrics on `host` (a name or an IP address; "0.0.0.0" for every interface) and `port`
 * (0: any free one). DCM_ERROR_LISTEN if the address cannot be bound. */
dcm_status dcm_exporter_start_http(const dcm_registry *registry, const char *host, uint16_t port,
                                   dcm_exporter **out);

/* Pushes at once, from its thread, and then every `interval` seconds, which are more than 0. Keeps
 * a copy of the gateway as it is now. A push that fails is told to dcm_log_set_function. */
dcm_status dcm_exporter_start_push(const dcm_registry *registry, const dcm_gateway *gateway,
                                   double interval, dcm_exporter **out);

/* As the DATACLAY_METRICS* variables say (README.md lists them): a scrape endpoint, on the next free
 * one of 100 ports if the one asked for is taken (dcm_exporter_port tells), a push exporter whose group has the job and the instance of the environment ("HOST:PID" unless it says), or an
 * exporter that does nothing, if DATACLAY_METRICS is false or DATACLAY_METRICS_EXPORTER is none.
 * DCM_ERROR_SETTING names the variable, its value and the rule, before anything starts. */
dcm_status dcm_exporter_start_env(const dcm_registry *registry, dcm_exporter **out);

/* The URL of the metrics, or of the group on the gateway; to be freed with dcm_string_free.
 * DCM_ERROR_ABSENT if the environment wanted no exporter. */
dcm_status dcm_exporter_url(const dcm_exporter *exporter, char **out);

/* The real port of a scrape endpoint. DCM_ERROR_ABSENT for an exporter that pushes. */
dcm_status dcm_exporter_port(const dcm_exporter *exporter, uint16_t *out);

/* Ends the thread; a second call does nothing. A push exporter pushes a last time, all within
 * `limit` seconds: DCM_ERROR_PUSH if that failed, the thread ends all the same. A scrape endpoint
 * takes at most 2 seconds whatever the limit: DCM_ERROR_TIMEOUT if a gauge's function kept it. */
dcm_status dcm_exporter_stop(const dcm_exporter *exporter, double limit);

/* The same for a push exporter that is not to leave its group behind: instead of a last push it
 * deletes the group. dcm_exporter_stop and dcm_exporter_free do so too if the exporter was started
 * from an environment with DATACLAY_METRICS_ON_EXIT=delete. */
dcm_status dcm_exporter_stop_and_delete(const dcm_exporter *exporter, double limit);

/* Stops it within 2 seconds if it runs. */
void dcm_exporter_free(dcm_exporter *exporter);

/* ---- Log ------------------------------------------------------------------------------------ */

typedef enum dcm_log_level {
    DCM_LOG_ERROR = 1,
    DCM_LOG_WARN = 2,
    DCM_LOG_INFO = 3
} dcm_log_level;

/* Told what goes wrong on the library's threads. `message` is one line and lives during the call.
 * Runs on any thread; must not throw or longjmp. */
typedef void (*dcm_log_function)(void *user_data, int level, const char *message);

/* From now on `function` is told, in the whole process and in its forked children; NULL: nobody is,
 * as at the start. A call that is under way goes on, so `user_data` lives until the exporters were
 * stopped. */
void dcm_log_set_function(dcm_log_function function, void *user_data);

#ifdef __cplusplus
}
#endif

#endif
