#!/usr/bin/python3 -B
"""nginx - connections and requests of an nginx, by its page stub_status

The page has to be there, for example by

    server { listen 127.0.0.1:8090; location = /stub_status { stub_status; } }
"""
import re

import service

PAGE = re.compile(r"Active connections: (\d+)\s+server accepts handled requests\s+(\d+)\s+(\d+)\s+(\d+)\s+"
                  r"Reading: (\d+) Writing: (\d+) Waiting: (\d+)\s+")


def measure(options, out):
    page = service.fetch(options.url)
    found = PAGE.fullmatch(page)
    if found is None:
        raise service.Wrong("this is no page of stub_status: " + service.shown(page))
    active, accepted, handled, requests, reading, writing, waiting = map(int, found.groups())
    out.gauge("nginx.connections.active", active, "conn")
    out.gauge("nginx.connections.reading", reading, "conn")
    out.gauge("nginx.connections.writing", writing, "conn")
    out.gauge("nginx.connections.waiting", waiting, "conn")
    out.counter("nginx.connections.accepted", accepted, "conn")
    out.counter("nginx.connections.handled", handled, "conn")
    out.counter("nginx.requests", requests, "req")


service.main("Sends connections and requests of an nginx, by its page stub_status.", measure,
             url=("http://127.0.0.1:8090/stub_status", "that page"))
