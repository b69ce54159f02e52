# It never comes back, nor lets itself be told to.
import signal
import time

import diamond.collector


class HangingCollector(diamond.collector.Collector):
    def collect(self):
        self.publish('before', 1)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
        while True:
            time.sleep(1000)
