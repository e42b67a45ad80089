/* Sends one GET to a port on loopback, for tests that check what is served. */
#ifndef HTTP_H
#define HTTP_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Returns whether the response to GET /metrics on this port contains `line`. */
static int served(uint16_t port, const char *line) {
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    struct sockaddr_in address;
    struct timeval patience = {20, 0};
    char answer[65536];
    size_t length = 0;
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0 &&
        write(connection, request, sizeof request - 1) == (ssize_t)sizeof request - 1) {
        ssize_t got;
        while (length < sizeof answer - 1 &&
               (got = read(connection, answer + length, sizeof answer - 1 - length)) > 0) {
            length += (size_t)got;
        }
    }
    close(connection);
    answer[length] = '\0';
    return strstr(answer, line) != NULL;
}

#endif
