#include "address.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sp.h"

#define MAX_DAEMON_NAME 262 /* a host name of 255 bytes, a port, brackets */

struct address {
    char port[6];
    char host[256];                                  /* empty: the daemon on this machine */
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* of "unix:PATH" */
};

/* What follows the '@': a name or an address, in brackets or not, and nothing
 * behind white space. */
static bool parse_host(struct address *a, const char *p) {
    size_t n = strcspn(p, " \t\n\v\f\r");
    if (n >= 2 && p[0] == '[' && p[n - 1] == ']') {
        p++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof a->host)
        return false;
    memcpy(a->host, p, n);
    a->host[n] = 0;
    return true;
}

/* As lenient about blanks, signs and large numbers as the original. */
static bool parse(struct address *a, const char *name) {
    memset(a, 0, sizeof *a);
    if (!name || !*name)
        name = "4803";
    if (strncmp(name, "unix:", 5) == 0) {
        size_t n = strlen(name + 5);
        if (n == 0 || n >= sizeof a->path)
            return false;
        memcpy(a->path, name + 5, n);
        return true;
    }
    if (strlen(name) > MAX_DAEMON_NAME)
        return false;
    const char *p = name + strspn(name, " \t\n\v\f\r");
    bool minus = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (!isdigit((unsigned char)*p))
        return false;
    unsigned port = 0;
    for (; isdigit((unsigned char)*p); p++)
        port = (port * 10 + (unsigned)(*p - '0')) & 0xffff;
    if (minus)
        port = -port & 0xffff;
    snprintf(a->port, sizeof a->port, "%u", port);
    p += strspn(p, " \t\n\v\f\r");
    return *p == 0 || (*p == '@' && parse_host(a, p + 1));
}

static int new_socket(int family) {
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    int one = 1;
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#endif
    if (family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    }
    return fd;
}

/* Connects to one address; a descriptor, CONNECTION_CLOSED when the time is up,
 * or COULD_NOT_CONNECT. */
static int connect_to(const struct sockaddr *sa, socklen_t len, deadline d) {
    int fd = new_socket(sa->sa_family);
    if (fd < 0)
        return COULD_NOT_CONNECT;
    int result = COULD_NOT_CONNECT;
    for (;;) {
        if (connect(fd, sa, len) == 0 || errno == EISCONN)
            return fd;
        if (errno == EAGAIN) { /* a Unix socket whose queue is full: try again in a moment */
            if (clock_now() >= d) {
                result = CONNECTION_CLOSED;
                break;
            }
            poll(NULL, 0, 1);
            continue;
        }
        if (errno != EINPROGRESS && errno != EINTR && errno != EALREADY)
            break;
        int n = wait_fd(fd, POLLOUT, d), err = 0;
        if (n == 0)
            result = CONNECTION_CLOSED;
        socklen_t size = sizeof err;
        if (n <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || err)
            break;
        return fd;
    }
    close(fd);
    return result;
}

static int connect_unix(const char *path, deadline d) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof sa.sun_path)
        return ILLEGAL_SPREAD;
    memcpy(sa.sun_path, path, n);
    return connect_to((struct sockaddr *)&sa, sizeof sa, d);
}

static int connect_tcp(const struct address *a, deadline d) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list, *ai;
    int err = getaddrinfo(a->host, a->port, &hints, &list);
    if (err)
        return err == EAI_NONAME ? ILLEGAL_SPREAD : COULD_NOT_CONNECT;
    int result = COULD_NOT_CONNECT;
    for (ai = list; ai && result == COULD_NOT_CONNECT; ai = ai->ai_next)
        result = connect_to(ai->ai_addr, ai->ai_addrlen, d);
    freeaddrinfo(list);
    return result;
}

/* The daemon on this machine: where a service has its socket, where Spread has
 * always had it, and TCP. */
static int connect_local(struct address *a, deadline d) {
    static const char *const dirs[] = {"/run/spread", "/tmp"};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        char path[32];
        snprintf(path, sizeof path, "%s/%s", dirs[i], a->port);
        int fd = connect_unix(path, d);
        if (fd != COULD_NOT_CONNECT)
            return fd;
    }
    memcpy(a->host, "127.0.0.1", sizeof "127.0.0.1");
    return connect_tcp(a, d);
}

int address_connect(const char *daemon, deadline d) {
    struct address a;
    if (!parse(&a, daemon))
        return ILLEGAL_SPREAD;
    if (a.path[0])
        return connect_unix(a.path, d);
    return a.host[0] ? connect_tcp(&a, d) : connect_local(&a, d);
}
