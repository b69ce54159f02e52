/* one.c - the program of one subject, SUBJECT, which the build says */
#include "host/frame.h"

int main(int argc, char **argv)
{
    return frame_one(argc, argv, &SUBJECT);
}
