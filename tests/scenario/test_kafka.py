"""A third party's plugin whose library has threads of its own (tests/abi/kafka, librdkafka), built against an installed prefix
alone, and a cluster in a process of its own: a partition that is down costs its own batches a pause, and nothing acknowledged is
lost over kill -9 of the worker and of the cluster, under load."""
from installed import *


class Kafka(Installed, UnderLoad):
    def setUp(self):
        self.needs("rdkafka", "librdkafka-dev")
        self.source = os.path.join(self.top, "kafka")
        if not os.path.exists(self.plugins + "/kafka.so"):
            self.build("make", "install", "mock", cwd=self.copy(ABI + "/kafka", "kafka"))

    def begin(self, more="", top="self_metrics: 0\n"):
        self.folder = tempfile.mkdtemp(prefix="garnet-kafka-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.ports = [free_port() for _ in range(3)]
        self.start_peer()
        self.addCleanup(self.end_peer)
        brokers = ",".join(f"127.0.0.1:{p}" for p in self.ports)
        self.d = self.daemon(graphite_sink("own", "file:own", ", path: '{name}.{tags}'") +
                             f"  - {{name: p, plugin: kafka, brokers: '{brokers}', topic: metrics, timeout: 2s, flush: 20ms, "
                             f"drop: garnet.*{more}}}\n", top)

    def start_peer(self):
        self.peer = subprocess.Popen([self.source + "/mock", self.folder + "/record", "metrics", *map(str, self.ports)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertIn(f"127.0.0.1:{self.ports[0]}", self.peer.stdout.readline())

    def end_peer(self):
        self.peer.kill()
        self.peer.communicate()

    def order(self, text):
        self.peer.stdin.write(text + "\n")
        self.peer.stdin.flush()

    def names(self):
        path = self.folder + "/record"
        return [x.split(";")[0] for x in read(path).splitlines()] if os.path.exists(path) else []

    def send(self, name):
        self.assertEqual(self.d.send(json.dumps({"name": name, "value": 1}))["accepted"], 1)

    def own(self, name):
        found = [float(x.split(" ")[1]) for x in self.d.file_lines("own") if x.startswith(f"garnet.sink.plugin.{name}.")]
        return found[-1] if found else None

    def test_what_garnet_plugin_test_says(self):
        args = ["garnet", "plugin", "test", self.plugins + "/kafka.so", "-o", "brokers=127.0.0.1:1", "-o", "topic=t"]
        self.assertIn("ok   close: ", self.build(*args, cwd=self.top))
        r = subprocess.run([*args, "-o", "properties={compresion.type: lz4}"], env=self.env, stdout=subprocess.PIPE, text=True)
        self.assertIn('properties: No such configuration property: "compresion.type"', r.stdout)

    def test_what_it_sends(self):
        self.begin(", properties: {compression.type: gzip}", "self_metrics: 1s\n")
        self.d.send('{"name":"a b","value":12.5,"time":1700000000.25,"tags":{"k":"v=1"}}')
        wait_for("it is there", self.names)
        self.assertEqual(read(self.folder + "/record"), "a_b;host=testhost;k=v_1 12.5 1700000000250000000\n")
        wait_for("it is counted", lambda: self.own("messages") == 1 and self.own("waiting") == 0)

    def test_a_partition_that_is_down_holds_up_no_other(self):
        self.begin(top="self_metrics: 1s\n")
        self.send("first")
        wait_for("it is there", self.names)
        self.order("down 2")
        n = 0
        while "partition 1: " not in self.d.log():  # which partition a batch is for, librdkafka decides
            self.send(f"m.{n}")
            n += 1
        before = set(self.names())
        while len(set(self.names()) - before) < 10:
            self.send(f"m.{n}")
            n += 1
        wait_for("it has counted that", lambda: (self.own("failed") or 0) >= 1)
        self.order("up 2")
        wait_for("all is there", lambda: set(self.names()) == {"first"} | {f"m.{i}" for i in range(n)}, 2 * PATIENCE)

    def test_nothing_acknowledged_is_lost(self):
        self.begin()

        def kill_peer():
            self.order("die")
            self.assertEqual(self.peer.wait(PATIENCE), -signal.SIGKILL)
            self.end_peer()
            self.start_peer()
        self.under_load(kill_peer)


if __name__ == "__main__":
    main(side_by_side=4)
