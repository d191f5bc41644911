/* The floor that tick_to_order is held against: waits for a frame whose best bid or ask is worth trading and answers it
 * with two orders, each one `send`. It knows both markets and the prices to look for, keeps no book and no account,
 * checks nothing, and writes nothing down. Binance's order is signed (HMAC-SHA256); Gate's needs no signature after the
 * log-in, and these venues check none.
 *
 * Usage: tick_floor BINANCE_PORT GATE_PORT spin|block
 * Prints {"ready": true} when its four connections stand, and how many pairs of orders it has sent after a line on
 * stdin, or its end. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (1 << 16)
#define SELL_ABOVE 60200
#define BUY_BELOW 59800
#define DRAIN_EVERY 4096
#define API_KEY "bench-key"
#define SECRET "bench-secret"

enum { BINANCE, GATE, MARKETS };

typedef struct {
    int socket;
    size_t count;
    uint8_t in[ROOM + 1];
} Connection;

static Connection feeds[MARKETS], entries[MARKETS];
static uint64_t number;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* ---- SHA-256 and HMAC, with the key's two blocks worked out once */

typedef struct { uint32_t h[8]; } State;
static State inner, outer;
static const State FIRST = {{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turned(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(State *state, const uint8_t *p) {
    uint32_t w[64], v[8];
    memcpy(v, state->h, sizeof v);
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turned(a, 7) ^ turned(a, 18) ^ a >> 3) + (turned(b, 17) ^ turned(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t one = v[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint32_t two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state->h[i] += v[i];
}

/* `state` has taken one block already: the key's. */
static void finish(State state, const uint8_t *text, size_t length, uint8_t digest[32]) {
    uint64_t bits = (64 + length) * 8;
    uint8_t last[128] = {0};
    while (length >= 64) block(&state, text), text += 64, length -= 64;
    memcpy(last, text, length);
    last[length] = 0x80;
    size_t size = length < 56 ? 64 : 128;
    for (int i = 0; i < 8; i++) last[size - 1 - (size_t)i] = (uint8_t)(bits >> 8 * i);
    for (size_t at = 0; at < size; at += 64) block(&state, last + at);
    for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(state.h[i / 4] >> (24 - 8 * (i % 4)));
}

static void know_key(void) {
    uint8_t in[64], out[64];
    memset(in, 0x36, 64), memset(out, 0x5c, 64);
    for (size_t i = 0; i < strlen(SECRET); i++) in[i] ^= (uint8_t)SECRET[i], out[i] ^= (uint8_t)SECRET[i];
    inner = outer = FIRST;
    block(&inner, in), block(&outer, out);
}

static void sign(const char *text, size_t length, char hex[65]) {
    uint8_t digest[32];
    finish(inner, (const uint8_t *)text, length, digest);
    finish(outer, digest, 32, digest);
    for (int i = 0; i < 32; i++) hex[2 * i] = "0123456789abcdef"[digest[i] >> 4], hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    hex[64] = 0;
}

/* ---- websockets */

static void send_text(int socket, const char *text, size_t length) {
    static uint32_t mask = 0x9e3779b9;
    uint8_t out[2048];
    size_t head = length < 126 ? 2 : 4;
    out[0] = 0x81;
    out[1] = (uint8_t)(0x80 | (head == 2 ? length : 126));
    if (head == 4) out[2] = (uint8_t)(length >> 8), out[3] = (uint8_t)length;
    mask = mask * 1664525 + 1013904223;
    memcpy(out + head, &mask, 4);
    for (size_t i = 0; i < length; i++) out[head + 4 + i] = (uint8_t)text[i] ^ out[head + (i & 3)];
    if (send(socket, out, head + 4 + length, MSG_NOSIGNAL) < 0) fail("send");
}

static void open_socket(Connection *connection, int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char request[512];
    int one = 1, length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(connection->socket, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
    size_t count = 0; /* one byte at a time: what comes behind the handshake is a frame */
    char answer[1024] = {0};
    while (!strstr(answer, "\r\n\r\n") && count < sizeof answer - 1)
        if (recv(connection->socket, answer + count++, 1, 0) != 1) fail("handshake");
}

/* ---- orders */

static void order_at_binance(int sells, const char *price, const char *quantity, uint64_t now_ms) {
    char query[512], hex[65], text[1024];
    const char *side = sells ? "SELL" : "BUY";
    int length = snprintf(query, sizeof query,
        "apiKey=" API_KEY "&newClientOrderId=floor-%lu&newOrderRespType=FULL&price=%s&quantity=%s&recvWindow=3000&side=%s"
        "&symbol=BTCUSDT&timeInForce=IOC&timestamp=%lu&type=LIMIT", number, price, quantity, side, now_ms);
    sign(query, (size_t)length, hex);
    length = snprintf(text, sizeof text,
        "{\"id\":\"%lu\",\"method\":\"order.place\",\"params\":{\"symbol\":\"BTCUSDT\",\"side\":\"%s\",\"type\":\"LIMIT\","
        "\"timeInForce\":\"IOC\",\"quantity\":\"%s\",\"price\":\"%s\",\"newClientOrderId\":\"floor-%lu\","
        "\"newOrderRespType\":\"FULL\",\"apiKey\":\"" API_KEY "\",\"recvWindow\":3000,\"timestamp\":%lu,\"signature\":\"%s\"}}",
        number, side, quantity, price, number, now_ms, hex);
    send_text(entries[BINANCE].socket, text, (size_t)length);
}

static void order_at_gate(int sells, const char *price, const char *quantity, uint64_t now_ms) {
    char text[1024];
    int length = snprintf(text, sizeof text,
        "{\"time\":%lu,\"channel\":\"spot.order_place\",\"event\":\"api\",\"payload\":{\"req_id\":\"%lu\",\"req_param\":"
        "{\"text\":\"t-floor-%lu\",\"currency_pair\":\"BTC_USDT\",\"side\":\"%s\",\"action_mode\":\"FULL\",\"type\":\"limit\","
        "\"amount\":\"%s\",\"price\":\"%s\",\"time_in_force\":\"ioc\"},\"req_header\":{\"x-gate-exptime\":\"%lu\"}}}",
        now_ms / 1000, number, number, sells ? "sell" : "buy", quantity, price, now_ms + 5000);
    send_text(entries[GATE].socket, text, (size_t)length);
}

static void answer(int market, int sells, const char *price, const char *quantity) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t now_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    const char *there = sells ? "60001" : "59999"; /* the other market's best price */
    number++;
    if (market == BINANCE) {
        order_at_binance(sells, price, quantity, now_ms);
        order_at_gate(!sells, there, quantity, now_ms);
    } else {
        order_at_gate(sells, price, quantity, now_ms);
        order_at_binance(!sells, there, quantity, now_ms);
    }
}

/* The first level of a side that is not taken away: its price and quantity as texts; 0 when there is none. */
static int level(const uint8_t *text, const uint8_t *end, const char *key, char price[32], char quantity[32]) {
    const uint8_t *at = memmem(text, (size_t)(end - text), key, 7);
    if (!at) return 0;
    at += 7;
    size_t length = 0;
    while (length < 31 && at < end && *at != '"') price[length++] = (char)*at++;
    price[length] = 0;
    at += 3;
    length = 0;
    while (length < 31 && at < end && *at != '"') quantity[length++] = (char)*at++;
    quantity[length] = 0;
    return strcmp(quantity, "0") != 0;
}

static void look(int market, const uint8_t *text, size_t length) {
    char price[32], quantity[32];
    if (level(text, text + length, "\"b\":[[\"", price, quantity) && atoi(price) > SELL_ABOVE) answer(market, 1, price, quantity);
    else if (level(text, text + length, "\"a\":[[\"", price, quantity) && atoi(price) < BUY_BELOW) answer(market, 0, price, quantity);
}

/* What is there now; 0 when there is nothing. */
static int hear(Connection *connection, int market) {
    ssize_t got = recv(connection->socket, connection->in + connection->count, ROOM - connection->count, MSG_DONTWAIT);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) fail("recv");
        return 0;
    }
    if (!got) exit(0);
    connection->count += (size_t)got;
    uint8_t *in = connection->in;
    for (;;) {
        size_t have = connection->count, length = have < 2 ? 0 : in[1] & 127, head = length == 126 ? 4 : 2;
        if (have < head || have < 2) break;
        if (length == 126) length = (size_t)in[2] << 8 | in[3];
        if (have < head + length) break;
        if (market >= 0 && (in[0] & 15) == 1) look(market, in + head, length);
        connection->count -= head + length;
        memmove(in, in + head + length, connection->count);
    }
    return 1;
}

static void ask(Connection *connection, const char *text) { send_text(connection->socket, text, strlen(text)); }

static void open_all(int binance_port, int gate_port) {
    open_socket(&feeds[BINANCE], binance_port, "/stream");
    ask(&feeds[BINANCE], "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\"],\"id\":1}");
    open_socket(&feeds[GATE], gate_port, "/ws/v4/");
    ask(&feeds[GATE], "{\"time\":1,\"id\":1,\"channel\":\"spot.obu\",\"event\":\"subscribe\",\"payload\":[\"ob.BTC_USDT.50\"]}");
    open_socket(&entries[BINANCE], binance_port, "/ws-api/v3");
    open_socket(&entries[GATE], gate_port, "/ws/v4/");
    ask(&entries[GATE], "{\"time\":1,\"channel\":\"spot.login\",\"event\":\"api\",\"payload\":{\"api_key\":\"" API_KEY
                        "\",\"signature\":\"0\",\"timestamp\":\"1\",\"req_id\":\"login\"}}");
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int blocks = !strcmp(argv[3], "block");
    know_key();
    open_all(atoi(argv[1]), atoi(argv[2]));
    printf("{\"ready\": true}\n");
    fflush(stdout);
    struct pollfd polled[2 * MARKETS + 1];
    for (int i = 0; i < MARKETS; i++) {
        polled[i] = (struct pollfd){feeds[i].socket, POLLIN, 0};
        polled[MARKETS + i] = (struct pollfd){entries[i].socket, POLLIN, 0};
    }
    polled[2 * MARKETS] = (struct pollfd){0, POLLIN, 0};
    for (uint32_t turn = 1;; turn++) {
        if (blocks) poll(polled, 2 * MARKETS + 1, -1);
        else if (turn % DRAIN_EVERY == 0) poll(polled, 2 * MARKETS + 1, 0);
        for (int i = 0; i < MARKETS; i++)
            if (!blocks || polled[i].revents) hear(&feeds[i], i);
        if (!blocks && turn % DRAIN_EVERY) continue;
        for (int i = 0; i < MARKETS; i++)
            if (polled[MARKETS + i].revents) hear(&entries[i], -1);
        if (polled[2 * MARKETS].revents) break;
    }
    printf("{\"answered\": %lu}\n", number);
    return 0;
}
