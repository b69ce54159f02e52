"""The connections collector against `ss`, in a network of its own: sockets in states that the test chooses, and no others."""
import contextlib
import socket
import subprocess
import sys
import unittest

import netns
from test_collectors import Case, collector

STATES = {"established": "ESTAB", "syn_sent": "SYN-SENT", "syn_recv": "SYN-RECV", "fin_wait1": "FIN-WAIT-1", "fin_wait2": "FIN-WAIT-2",
          "time_wait": "TIME-WAIT", "close": "UNCONN", "close_wait": "CLOSE-WAIT", "last_ack": "LAST-ACK", "listen": "LISTEN",
          "closing": "CLOSING"}


class Connections(Case):
    def setUp(self):
        netns.enter()
        super().setUp()
        self.keep = contextlib.ExitStack()
        self.addCleanup(self.keep.close)

    def listener(self, family, host):
        s = self.keep.enter_context(socket.socket(family))
        s.bind((host, 0))
        s.listen()
        return s

    def pair(self, listener):
        one = self.keep.enter_context(socket.create_connection(listener.getsockname()[:2]))
        return one, self.keep.enter_context(listener.accept()[0])

    def states(self):
        (sent,) = self.collect(collector("connections"))
        values = sent.pop("values")
        self.assertEqual(sent, {"name": "connections.tcp", "type": "gauge", "unit": "sock"})
        out = subprocess.run(["ss", "-tanH"], stdout=subprocess.PIPE, text=True, check=True, timeout=10).stdout
        shown = [line.split()[0] for line in out.splitlines()]
        self.assertEqual(values, {key: shown.count(name) for key, name in STATES.items()})
        return {key: v for key, v in values.items() if v > 0}

    def test_each_state_is_what_ss_says(self):
        self.assertEqual(self.states(), {})
        four = self.listener(socket.AF_INET, "127.0.0.1")
        self.pair(four)
        expected = {"listen": 1, "established": 2}
        with contextlib.suppress(OSError):  # a machine without IPv6
            self.pair(self.listener(socket.AF_INET6, "::1"))
            expected = {"listen": 2, "established": 4}
        one, _ = self.pair(four)
        one.shutdown(socket.SHUT_WR)
        one, other = self.pair(four)
        one.shutdown(socket.SHUT_WR)
        other.close()
        self.assertEqual(one.recv(1), b"")
        full = self.listener(socket.AF_INET, "127.0.0.1")
        full.listen(0)
        for _ in range(2):  # one has room, the other waits for an answer
            s = self.keep.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(full.getsockname())
        expected = {**expected, "listen": expected["listen"] + 1, "established": expected["established"] + 2}
        self.assertEqual(self.states(), {**expected, "fin_wait2": 1, "close_wait": 1, "time_wait": 1, "syn_sent": 1})

    def test_more_than_a_part_has_room_for(self):
        four = self.listener(socket.AF_INET, "127.0.0.1")
        for _ in range(200):
            self.pair(four)
        self.assertEqual(self.states(), {"listen": 1, "established": 400})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
