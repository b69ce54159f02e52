import time

import diamond.collector


class SleepingCollector(diamond.collector.Collector):
    def collect(self):
        self.log.warning('asleep')
        time.sleep(1000)
