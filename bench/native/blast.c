/* A websocket server that does nothing but send: prebuilt frames to many connections, as fast as they are taken or at a
 * steady rate. Frames are sent in a circle; their sequence numbers ("U": and "u":, 12 digits) are raised at each turn.
 *
 * Usage: blast FRAMES_FILE STAMPS_FILE CONNECTIONS
 * FRAMES_FILE: for each frame u32 length, u32 by how much its numbers rise a turn, and the payload. STAMPS_FILE: room
 * for u64 nanoseconds (CLOCK_MONOTONIC), the time of sending of each frame of a steady run. Prints its port, waits for
 * the connections, then obeys lines on stdin, and answers each with one JSON line:
 *   push SECONDS         every connection as fast as it takes frames
 *   steady RATE SECONDS  so many frames a second, one at a time, to one connection after the other
 * Ends at the end of stdin. What clients send is read and forgotten; pings are answered between runs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define OUT_ROOM (1 << 16)
#define IN_ROOM (1 << 16)
#define NUMBERS_MAX 2
#define DIGITS 12

typedef struct {
    uint32_t length, rise; /* length with the websocket header */
    int numbers;
    uint32_t at[NUMBERS_MAX];
    uint64_t value[NUMBERS_MAX];
    const char *bytes;
} Frame;

typedef struct {
    int socket, in_count;
    uint64_t turn;
    uint32_t next;              /* frame */
    size_t out_from, out_count; /* not yet taken */
    char *out, *in;
} Connection;

static Frame *frames;
static uint32_t frame_count, longest;
static Connection connections[CONNECTIONS_MAX];
static int connection_count;
static uint64_t *stamps, stamps_room;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* ---- frames */

static void find_number(Frame *frame, const char *key) {
    const char *payload = memmem(frame->bytes, frame->length, key, strlen(key));
    if (!payload) return;
    payload += strlen(key);
    frame->at[frame->numbers] = (uint32_t)(payload - frame->bytes);
    frame->value[frame->numbers++] = strtoull(payload, NULL, 10);
}

static void load_frames(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    uint32_t head[2], room = 0;
    while (fread(head, 4, 2, file) == 2) {
        if (frame_count == room) frames = realloc(frames, sizeof(Frame) * (room = room ? 2 * room : 4096));
        uint32_t length = head[0], behind = length < 126 ? 2 : length < 65536 ? 4 : 10;
        char *bytes = calloc(1, behind + length + 1);
        bytes[0] = (char)0x81;
        bytes[1] = (char)(behind == 2 ? length : behind == 4 ? 126 : 127);
        for (uint32_t i = 2; i < behind; i++) bytes[i] = (char)((uint64_t)length >> 8 * (behind - 1 - i));
        if (fread(bytes + behind, 1, length, file) != length) fail(path);
        Frame *frame = &frames[frame_count++];
        *frame = (Frame){.length = behind + length, .rise = head[1], .bytes = bytes};
        find_number(frame, "\"U\":");
        find_number(frame, "\"u\":");
        if (frame->length > longest) longest = frame->length;
    }
    fclose(file);
}

static size_t put_frame(Connection *connection, char *to) {
    const Frame *frame = &frames[connection->next];
    memcpy(to, frame->bytes, frame->length);
    for (int i = 0; i < frame->numbers; i++) {
        uint64_t value = frame->value[i] + frame->rise * connection->turn;
        for (char *digit = to + frame->at[i] + DIGITS - 1; digit >= to + frame->at[i]; digit--) {
            *digit = (char)('0' + value % 10);
            value /= 10;
        }
    }
    if (++connection->next == frame_count) {
        connection->next = 0;
        connection->turn++;
    }
    return frame->length;
}

/* ---- the handshake: base64(sha1(key + magic)) */

static uint32_t rotated(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void sha1(const uint8_t *text, size_t length, uint8_t digest[20]) {
    uint8_t block[128] = {0}; /* a key and the magic are 60 bytes: two blocks */
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(block, text, length);
    block[length] = 0x80;
    block[126] = (uint8_t)(length * 8 >> 8);
    block[127] = (uint8_t)(length * 8);
    for (int b = 0; b < 128; b += 64) {
        uint32_t w[80], a = h[0], c1 = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const uint8_t *p = block + b + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (c1 & c) | (~c1 & d) : i >= 40 && i < 60 ? (c1 & c) | (c1 & d) | (c & d) : c1 ^ c ^ d;
            uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
            uint32_t next = rotated(a, 5) + f + e + k + w[i];
            e = d, d = c, c = rotated(c1, 30), c1 = a, a = next;
        }
        h[0] += a, h[1] += c1, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void shake_hands(int socket) {
    static const char table[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char request[4096] = {0}, text[128], accepted[32], answer[256];
    size_t count = 0;
    while (!strstr(request, "\r\n\r\n")) {
        ssize_t got = recv(socket, request + count, sizeof request - 1 - count, 0);
        if (got <= 0) fail("handshake");
        count += (size_t)got;
    }
    const char *key = strcasestr(request, "sec-websocket-key:");
    if (!key) fail("no websocket key");
    int length = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    uint8_t digest[21] = {0};
    sha1((const uint8_t *)text, (size_t)length, digest);
    for (int i = 0; i < 7; i++) {
        uint32_t bits = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++) accepted[4 * i + j] = table[bits >> (18 - 6 * j) & 63];
    }
    accepted[27] = '=';
    length = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: %.28s\r\n\r\n", accepted);
    if (send(socket, answer, (size_t)length, MSG_NOSIGNAL) != length) fail("handshake");
}

/* ---- what clients say */

static void hear(Connection *connection) {
    uint8_t *in = (uint8_t *)connection->in;
    for (;;) {
        ssize_t got = recv(connection->socket, in + connection->in_count, IN_ROOM - (size_t)connection->in_count, MSG_DONTWAIT);
        if (got <= 0) return;
        connection->in_count += (int)got;
        for (;;) { /* masked frames below 64 KB */
            int have = connection->in_count, length = in[1] & 127, head = length == 126 ? 8 : 6;
            if (have < head) break;
            if (length == 126) length = in[2] << 8 | in[3];
            if (have < head + length) break;
            if ((in[0] & 15) == 9 && length < 126) {
                uint8_t pong[2 + 125] = {0x8a, (uint8_t)length};
                for (int i = 0; i < length; i++) pong[2 + i] = in[head + i] ^ in[head - 4 + i % 4];
                if (send(connection->socket, pong, (size_t)length + 2, MSG_NOSIGNAL) < 0) return;
            }
            connection->in_count -= head + length;
            memmove(in, in + head + length, (size_t)connection->in_count);
        }
    }
}

/* ---- sending */

/* 1 when all that waits was taken, 0 when the socket is full. */
static int flush_out(Connection *connection) {
    while (connection->out_count) {
        ssize_t sent = send(connection->socket, connection->out + connection->out_from, connection->out_count,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) return 0;
            fail("send");
        }
        connection->out_from += (size_t)sent;
        connection->out_count -= (size_t)sent;
    }
    connection->out_from = 0;
    return 1;
}

static void wait_for_room(int timeout_ms) {
    struct pollfd polled[CONNECTIONS_MAX];
    for (int i = 0; i < connection_count; i++) polled[i] = (struct pollfd){connections[i].socket, POLLOUT, 0};
    poll(polled, (nfds_t)connection_count, timeout_ms);
}

static void flush_all(void) {
    for (int i = 0; i < connection_count; i++)
        while (!flush_out(&connections[i])) wait_for_room(1);
}

static void push(double seconds) {
    uint64_t sent = 0, start = now(), until = start + (uint64_t)(seconds * 1e9);
    while (now() < until) {
        int moved = 0;
        for (int i = 0; i < connection_count; i++) {
            Connection *connection = &connections[i];
            if (!flush_out(connection)) continue;
            moved = 1;
            while (connection->out_count < OUT_ROOM) {
                connection->out_count += put_frame(connection, connection->out + connection->out_count);
                sent++;
            }
            flush_out(connection);
        }
        if (!moved) wait_for_room(10);
    }
    flush_all();
    printf("{\"frames\": %lu, \"seconds\": %.6f}\n", (unsigned long)sent, (double)(now() - start) / 1e9);
}

static void steady(double rate, double seconds) {
    uint64_t total = (uint64_t)(rate * seconds), start = now() + 1000000, late_max = 0, full = 0;
    if (total > stamps_room) total = stamps_room;
    for (uint64_t i = 0; i < total; i++) {
        uint64_t due = start + (uint64_t)((double)i * 1e9 / rate), time;
        Connection *connection = &connections[i % (uint64_t)connection_count];
        connection->out_count = put_frame(connection, connection->out);
        while ((time = now()) < due) {}
        if (time - due > late_max) late_max = time - due;
        stamps[i] = time;
        while (!flush_out(connection)) full++;
    }
    double taken = (double)(now() - start) / 1e9;
    printf("{\"frames\": %lu, \"seconds\": %.6f, \"late_ns_max\": %lu, \"full\": %lu}\n", (unsigned long)total, taken,
           (unsigned long)late_max, (unsigned long)full);
}

/* ---- */

static void accept_all(void) {
    int listening = socket(AF_INET, SOCK_STREAM, 0), one = 1, buffer = 1 << 18;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, CONNECTIONS_MAX)) fail("listen");
    getsockname(listening, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (int i = 0; i < connection_count; i++) {
        Connection *connection = &connections[i];
        connection->socket = accept(listening, NULL, NULL);
        if (connection->socket < 0) fail("accept");
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(connection->socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        connection->out = malloc(OUT_ROOM + longest);
        connection->in = malloc(IN_ROOM);
        shake_hands(connection->socket);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    load_frames(argv[1]);
    int file = open(argv[2], O_RDWR);
    struct stat about;
    if (file < 0 || fstat(file, &about)) fail(argv[2]);
    stamps_room = (uint64_t)about.st_size / 8;
    stamps = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    connection_count = atoi(argv[3]);
    if (stamps == MAP_FAILED || !frame_count || connection_count < 1 || connection_count > CONNECTIONS_MAX) return 2;
    accept_all();
    struct pollfd polled[CONNECTIONS_MAX + 1];
    char line[128];
    for (;;) {
        for (int i = 0; i < connection_count; i++) polled[i] = (struct pollfd){connections[i].socket, POLLIN, 0};
        polled[connection_count] = (struct pollfd){0, POLLIN, 0};
        poll(polled, (nfds_t)connection_count + 1, -1);
        for (int i = 0; i < connection_count; i++) {
            if (polled[i].revents & (POLLHUP | POLLERR)) return 0;
            if (polled[i].revents) hear(&connections[i]);
        }
        if (!polled[connection_count].revents) continue;
        ssize_t got = read(0, line, sizeof line - 1);
        if (got <= 0) return 0;
        line[got] = 0;
        double rate, seconds;
        if (sscanf(line, "push %lf", &seconds) == 1) push(seconds);
        else if (sscanf(line, "steady %lf %lf", &rate, &seconds) == 2) steady(rate, seconds);
        else return 2;
        fflush(stdout);
    }
}
