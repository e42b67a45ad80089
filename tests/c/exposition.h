/* Searches the exposition of a registry. */
#ifndef EXPOSITION_H
#define EXPOSITION_H

#include "tap.h"

/* Returns whether the exposition of a registry contains these lines. */
static inline int exposes(const dcm_registry *registry, dcm_format format, const char *lines) {
    char *text;
    NEED(dcm_registry_encode_new(registry, format, &text));
    int found = strstr(text, lines) != NULL;
    dcm_string_free(text);
    return found;
}

/* Returns whether a registry exposes nothing. */
static inline int is_empty(const dcm_registry *registry) {
    char *text;
    NEED(dcm_registry_encode_new(registry, DCM_FORMAT_TEXT, &text));
    int empty = *text == '\0';
    dcm_string_free(text);
    return empty;
}

#endif
