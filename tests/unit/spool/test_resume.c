/* tests/unit/spool/test_resume.c - what the next garnetd may append to, and what it must leave alone */
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "rig/spool_dir.h"
#include "spool/resume.h"

TestSuite(resume, .init = spool_dir_make, .fini = spool_dir_remove);

enum { BEGIN = 510 /* the first number in what was used again */ };

static bool resumes(uint64_t segment, uint64_t end)
{
    struct segment_header h;
    uint64_t room = 0;
    int fd = resume_open(spool_dir.fd, segment, end, &h, &room);

    if (fd < 0)
        return false;
    cr_assert_eq(h.first_seq, segment);
    cr_assert_geq(room, end);
    close(fd);
    return true;
}

/* Three frames of ten, in a file that has 50 of another life. */
static struct segment_header write_reused(void)
{
    struct append *a = open_writer(1 << 20);
    struct segment_header h;

    log_set_level(LOG_L_ERROR);
    for (int i = 0; i < 50; i++)
        put_frame(a, 10);
    append_seal(a);
    put_frame(a, 10);
    a->folder.reserve.full = true;
    reserve_want(&a->folder.reserve, 1 << 20, 1 << 20);
    append_retain(a, 500, 0);
    append_seal(a);
    for (int i = 0; i < 3; i++)
        put_frame(a, 10);
    cr_assert_eq(append_segment(a), BEGIN);
    h = a->head;
    append_close(a);
    return h;
}

Test(resume, an_ordinary_one_ends_with_its_last_frame)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    cr_assert(resumes(0, end_of(2)));
    cr_assert_not(resumes(0, end_of(1)), "a frame is behind that");
    cr_assert_not(resumes(10, end_of(2)), "it is not there");
    write_at(0, "torn", 4, end_of(2));
    cr_assert_not(resumes(0, end_of(2)));
}

Test(resume, somebodys_copy_is_not_changed)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 10);
    append_close(a);
    cr_assert(resumes(0, end_of(1)));
    cr_assert_eq(linkat(spool_dir.fd, "00000000000000000000.seg", spool_dir.fd, "copy", 0), 0);
    cr_assert_not(resumes(0, end_of(1)));
}

/* After a power failure what was written last may be there without what was before it. */
Test(resume, nothing_of_this_life_is_behind_the_end)
{
    struct segment_header s = write_reused();
    struct frame_header h = {BEGIN + 40, 10, (uint32_t)pattern_size(10), 4711, 1};
    uint8_t head[FRAME_HEADER], trailer[FRAME_TRAILER], mark[FRAME_END], zero[FRAME_HEADER] = "";

    frame_header_put(head, &h, s.salt);
    frame_trailer_put(trailer, &h, s.salt);
    frame_end_put(mark, BEGIN + 50, s.salt);
    cr_assert(resumes(BEGIN, end_of(3)));
    write_at(BEGIN, head, sizeof head, end_of(3));
    cr_assert_not(resumes(BEGIN, end_of(3)), "a frame that was torn is right there");
    write_at(BEGIN, zero, sizeof head, end_of(3));
    for (size_t at = end_of(3) + FRAME_END; at < end_of(50) - sizeof head; at += 8) {
        write_at(BEGIN, head, sizeof head, at);
        cr_assert_not(resumes(BEGIN, end_of(3)), "a frame at %zu", at);
        write_at(BEGIN, zero, sizeof head, at);
    }
    cr_assert(resumes(BEGIN, end_of(3)));
    write_at(BEGIN, trailer, sizeof trailer, end_of(50) - sizeof trailer);
    cr_assert_not(resumes(BEGIN, end_of(3)), "the last bytes are a trailer");
    write_at(BEGIN, zero, sizeof trailer, end_of(50) - sizeof trailer);
    write_at(BEGIN, mark, sizeof mark, end_of(50) - sizeof mark);
    cr_assert_not(resumes(BEGIN, end_of(3)), "or a mark");
    frame_header_put(head, &h, s.salt + 1);
    write_at(BEGIN, head, sizeof head, end_of(50) - sizeof head);
    cr_assert(resumes(BEGIN, end_of(3)), "another life's is noise");
}

/* --- and whether anybody else may be at it --- */

/* As the sync helper does, it has the folder from its garnetd, and outlives that. */
Test(resume, who_has_outlived_the_one_before_is_noticed)
{
    struct append *a = open_writer(1 << 20);
    int hold[2], status;
    pid_t child;

    cr_assert(a->folder.alone);
    put_frame(a, 10);
    cr_assert_eq(pipe2(hold, O_CLOEXEC), 0);
    if ((child = fork()) == 0) {
        char c;
        close(hold[1]);
        _exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
    }
    append_close(a);
    a = open_writer(1 << 20);
    cr_assert_not(a->folder.alone);
    append_close(a);
    close(hold[1]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    a = open_writer(1 << 20);
    cr_assert(a->folder.alone);
    append_close(a);
    close(hold[0]);
}
