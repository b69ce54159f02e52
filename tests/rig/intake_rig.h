/* tests/rig/intake_rig.h - the sockets in one process: a real loop, clients, a spool of text
 *
 * A suite has .init = intake_rig_start and .fini = intake_rig_end, or a test calls both. The daemon's side runs only in
 * turns of the loop: what sends and receives here turns it meanwhile. All assert. */
#pragma once
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "intake/intake.h"
#include "model/record.h"

enum { MANY_TURNS = 20000, SLOT = 1600000000 };

#define GOOD "{\"name\":\"good\",\"value\":1}\n"
#define ACK  "{\"ack\":true}\n"
#define ONE  "{\"accepted\":1,\"rejected\":0,\"errors\":[]}\n"

extern struct intake_rig {
    struct loop *loop;
    struct intake *in;
    struct source *source;
    struct conf_intake limits;
    char dir[64], path[96];
    struct buf spool; /* what was committed, as text */
    unsigned commits;
    uint32_t largest; /* metrics in one commit */
    int answer;       /* of commit() */
    uint64_t ticket;  /* the last one given */
    void (*committed)(void);
    int devnull;
} intake_rig;

void intake_rig_start(void); /* a new one, whose socket is a run's of the slot SLOT */
void intake_rig_end(void);
struct source_config source_config(void); /* of its socket */
void turn_loop(void);

int connect_client(void);
/* Sends all, `most` bytes a turn. */
void send_pieces(int fd, const char *p, size_t n, size_t most);
void send_text(int fd, const char *s);
/* One read: true when there was something or the end, which *end tells. */
bool receive_some(int fd, struct buf *b, bool *end);
void receive_to_end(int fd, struct buf *b); /* all that comes until the daemon closes */
void receive_line(int fd, struct buf *b);   /* the next line, and nothing more */
bool nothing_comes(int fd);
void expect_line(int fd, const char *want);
const char *text_of(struct buf *b);
