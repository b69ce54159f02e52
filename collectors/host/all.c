/* all.c - the program `host`: what cannot block, in one process */
#include "host/frame.h"

int main(int argc, char **argv)
{
    return frame_some(argc, argv, host_subjects);
}
