# What it publishes before is sent. It fails in its first three rounds.
import diamond.collector


class RaisingCollector(diamond.collector.Collector):
    rounds = 0

    def collect(self):
        self.rounds += 1
        self.publish('before', self.rounds)
        if self.rounds < 4:
            raise ValueError('no such queue')
        self.publish('after', self.rounds)
