/* queue - how many files wait in a folder, and how much they are; a collector in C
 *
 * usage: queue FOLDER [SOCKET]           garnetd appends SOCKET; else it is $GARNET_SOCKET
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <garnet/client.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    garnet_client_metric m = {0};
    garnet_client_tag tag;
    uint64_t files = 0, size = 0;
    struct dirent *e;
    garnet_client *g;
    int status;
    DIR *d;

    if (argc < 2) {
        fprintf(stderr, "usage: queue FOLDER [SOCKET]\n");
        return 2;
    }
    d = opendir(argv[1]);
    if (d == NULL) {
        fprintf(stderr, "queue: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    while (errno = 0, (e = readdir(d)) != NULL) {
        struct stat st;

        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
            files++;
            size += (uint64_t)st.st_size;
        }
    }
    if (errno != 0) { /* half of a folder is not reported as the whole */
        fprintf(stderr, "queue: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    closedir(d);

    g = garnet_client_open(argc > 2 ? argv[2] : NULL);
    tag.key = "folder";
    tag.val = argv[1];
    m.tags = &tag;
    m.ntags = 1;
    m.name = "queue.files";
    garnet_client_u64(g, &m, files);
    m.name = "queue.size";
    m.unit = "B";
    garnet_client_u64(g, &m, size);
    status = garnet_client_finish(g); /* it also answers for the two before it */
    if (status != GARNET_CLIENT_OK)
        fprintf(stderr, "queue: %s\n", garnet_client_error(g));
    garnet_client_free(g);
    return status;
}
