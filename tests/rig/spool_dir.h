/* tests/rig/spool_dir.h - a spool's folder, frames whose payload can be recognised, and a reader that checks them
 *
 * TestSuite(x, .init = spool_dir_make, .fini = spool_dir_remove) gives each test a new folder. All assert. */
#pragma once
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/append.h"
#include "spool/segment.h"
#include "spool/tail.h"

extern struct spool_dir {
    char path[32];
    int fd;
} spool_dir;

void spool_dir_make(void);
void spool_dir_remove(void);

/* The one writer; of segments of that size, kept as long as that. */
struct append *open_writer(int64_t segment_size);
struct append *open_writer_with(int64_t segment_size, int64_t max_size, int64_t max_age);
/* In a process of its own: 0 opened, 1 refused with `in use by process HOLDER`, 2 anything else. */
int open_in_another_process(long holder);
int exit_status(pid_t pid);

/* A frame of so many metrics. Each byte of its payload follows from its sequence number. */
void put_frame(struct append *a, uint32_t count);
int try_put_frame(struct append *a, uint32_t count); /* -1 with errno */
size_t pattern_size(uint32_t count);
unsigned char pattern_byte(uint64_t seq, size_t i);
enum {
    FRAME_OF_10 = 104,
    SEGMENT_OF_100 = SEGMENT_HEADER + 10 * FRAME_OF_10
}; /* bytes, of so many metrics */

/* What a reader got; `next` is where it is. */
struct read_total {
    uint64_t next, delivered, expired, damaged;
    unsigned frames;
};
struct tail *tail_from(uint64_t seq, struct read_total *n);
/* Every number is handed out or lost exactly once, in order; a frame is what put_frame() wrote. */
enum tail_result read_step(struct tail *t, struct read_total *n);
void read_all(struct tail *t, struct read_total *n);
struct read_total read_all_from(uint64_t seq); /* with a reader of its own */

/* --- the files, each named by its segment's first sequence number --- */

size_t count_segments(void);
size_t segment_file_size(uint64_t first_seq);
ino_t segment_inode(uint64_t first_seq);
int open_segment(uint64_t first_seq); /* makes it where it is not there */
void truncate_segment(uint64_t first_seq, size_t size);
void remove_segment(uint64_t first_seq);
void flip_segment_bit(uint64_t first_seq, size_t byte, unsigned bit); /* twice puts it back */
void write_at(uint64_t first_seq, const void *p, size_t n, size_t at);
size_t end_of(unsigned frames); /* of ten metrics each, from the segment's beginning on */
void write_spool_file(const char *name, const char *text);
/* The kernel takes no byte beyond `n` of any file: short writes, then errors, as from a full disk. */
void limit_file_size(rlim_t n);
