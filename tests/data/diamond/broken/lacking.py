import diamond.collector
import psycopg2_of_nobody


class LackingCollector(diamond.collector.Collector):
    pass
