// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A server in the guest: sends every datagram that comes in on UDP port 7
 * back to where it came from, with 8 bytes at its end: the guest's wall clock,
 * in ns, little endian.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

int main(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char data[2048];
    struct timespec ts;
    uint64_t now;

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at))) {
        perror("echo");
        return 1;
    }
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(fd, data, sizeof(data) - sizeof(now), 0,
                             (struct sockaddr *)&from, &len);

        if (n < 0)
            continue;
        clock_gettime(CLOCK_REALTIME, &ts);
        now = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
        memcpy(data + n, &now, sizeof(now));
        sendto(fd, data, n + sizeof(now), 0, (struct sockaddr *)&from, len);
    }
}
