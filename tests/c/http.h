/* Reads the port of an exporter and what it serves, for tests of scrape endpoints. */
#ifndef HTTP_H
#define HTTP_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tap.h"

static inline uint16_t port_of(const dcm_exporter *exporter) {
    uint16_t port = 0;
    NEED(dcm_exporter_port(exporter, &port));
    return port;
}

/* Returns whether the response to GET /metrics on this port of loopback contains `line`. */
static inline int served(uint16_t port, const char *line) {
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    struct sockaddr_in address;
    struct timeval timeout = {20, 0};
    char response[65536];
    size_t length = 0;
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(connection, request, sizeof request - 1) == (ssize_t)sizeof request - 1) {
        ssize_t count;
        while (length < sizeof response - 1 &&
               (count = read(connection, response + length, sizeof response - 1 - length)) > 0) {
            length += (size_t)count;
        }
    }
    close(connection);
    response[length] = '\0';
    return strstr(response, line) != NULL;
}

#endif
