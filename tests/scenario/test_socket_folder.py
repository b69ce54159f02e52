"""A socket in a folder where others may write: garnetd says so and does not start, and nobody's sockets are removed."""
import grp
import os
import socket
import unittest

from harness import PATIENCE, Daemon, main

STRANGER = 64903


class SocketFolder(unittest.TestCase):
    def refused(self, d):
        d.start(ready=False)
        self.assertEqual(d.process.wait(PATIENCE), 111)
        return d.log()

    def daemon(self, path):
        return Daemon(self, f"socket: {path}\nsinks: []\n", start=False)

    def bound(self, path):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.bind(path)
        return path

    def test_a_sticky_folder_is_for_a_folder_in_it(self):
        d = self.daemon("t/garnet.sock")
        os.mkdir(d.path("t"))
        os.chmod(d.path("t"), 0o1777)
        said = (f"garnet.yaml:5:9: path: everybody may write to the folder {d.path('t')}, and replace the socket: put it into "
                f"a folder of its own, such as {d.path('t')}/garnet")
        self.assertIn(said, self.refused(d))
        code, _, err = d.check() # what a start refuses the check does, too
        self.assertEqual(code, 1)
        self.assertIn(said, err)
        d.configure("socket: t/garnet/garnet.sock\nsinks: []\n")
        d.start()
        self.assertEqual(d.terminate(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, for a group of somebody else's")
    def test_a_group_that_could_move_the_folder_away(self):
        """The check names the place and what to do, and the start is refused; own groups may write."""
        d = self.daemon("app/run/garnet.sock")
        os.makedirs(d.path("app/run"))
        os.chown(d.path("app"), 0, STRANGER)
        os.chmod(d.path("app"), 0o2775)
        said = (f"garnet.yaml:5:9: path: the folder {d.path('app/run')} goes through {d.path('app')}, which can be altered "
                "by its group: chmod go-w it")
        for made in (True, False):
            if not made:
                os.rmdir(d.path("app/run"))
            code, _, err = d.check()
            self.assertEqual(code, 1)
            self.assertIn(said, err)
            self.assertIn(said, self.refused(d))
        os.chown(d.path("app"), STRANGER, STRANGER)  # the folder's owner is not garnetd's user
        os.mkdir(d.path("app/run"))
        self.refused(d)
        os.rmdir(d.path("app/run"))
        os.chown(d.path("app"), 0, 0)
        if not grp.getgrgid(0).gr_mem and grp.getgrgid(0).gr_name == "root":
            d.start()
            self.assertEqual(d.terminate(), 0)
            self.assertFalse(os.path.exists(d.path("app/run/garnet.sock")))
        os.chmod(d.path("app"), 0o755)
        d.start()
        self.assertEqual(d.check()[0], 0)
        os.chmod(d.path("app"), 0o777)  # the socket is there: what else has changed is taken
        d.configure("socket: app/run/garnet.sock\nsinks: []\nlog_level: debug\n")
        d.hup()
        d.wait_log("garnet.yaml:5:9: path: the folder")
        d.wait_log("the configuration was reread and is in use")
        os.chmod(d.path("app"), 0o755)
        self.assertEqual(d.terminate(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, for a link of somebody else's")
    def test_a_strangers_link_in_place_of_the_collectors_folder(self):
        """Whatever the folder was when it was put there."""
        d = self.daemon("t/garnet.sock")
        d.collector("c", "command: [/bin/true]\ninterval: 1s\n")
        for name in ("t", "victim"):
            os.mkdir(d.path(name))
        bus = self.bound(d.path("victim/system_bus_socket"))
        os.symlink(d.path("victim"), d.path("t/collectors"))
        os.chown(d.path("t/collectors"), STRANGER, STRANGER, follow_symlinks=False)
        os.chmod(d.path("t"), 0o1777)
        self.refused(d)
        self.assertEqual(os.listdir(d.path("victim")), ["system_bus_socket"])
        os.chmod(d.path("t"), 0o755)
        d.start()
        d.wait_log(f"collector c does not run yet: {d.path('t/collectors')} is a link of user {STRANGER}'s, which may "
                   "lead anywhere: remove it")
        self.assertTrue(os.path.exists(bus))
        os.unlink(d.path("t/collectors"))
        d.hup()
        self.assertEqual(d.terminate(), 0)
        self.assertEqual(os.listdir(d.path("victim")), ["system_bus_socket"])

    def test_what_a_killed_garnetd_has_left_is_removed(self):
        d = self.daemon("t/garnet.sock")
        d.start()
        d.kill()
        os.makedirs(d.path("t/collectors"), exist_ok=True)
        stale = self.bound(d.path("t/collectors/gone.sock"))
        d.start()
        self.assertFalse(os.path.exists(stale))
        self.assertEqual(d.terminate(), 0)
        self.assertFalse(os.path.exists(d.path("t/garnet.sock")))


if __name__ == "__main__":
    main()
