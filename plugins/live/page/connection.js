// The stream of events: opened while the page is looked at, and whole again after each gap.

const PAUSES = [500, 1000, 2000, 4000];

export class Connection {
    // tell: {list(series), event(e), status(s), state(text)}; state: "on", "off", "lost" or "full"
    constructor(tell) {
        this.tell = tell;
        this.failures = 0;
        this.wanted = false;
        document.addEventListener("visibilitychange", () => this.settle());
        addEventListener("online", () => this.settle());
    }

    want(on) {
        this.wanted = on;
        this.settle();
    }

    settle() {
        const on = this.wanted && !document.hidden;
        if (on && !this.source) this.open();
        if (!on) {
            this.close();
            this.tell.state("off");
        }
    }

    close() {
        clearTimeout(this.again);
        this.source?.close();
        this.source = null;
    }

    open() {
        clearTimeout(this.again);
        const source = this.source = new EventSource("/api/events");
        let early = []; // events that come before the list
        source.onmessage = message => {
            if (source !== this.source) return;
            const e = JSON.parse(message.data);
            if (e.hello) {
                this.tell.status(e.hello);
                this.list(source).then(() => {
                    for (const event of early ?? []) this.tell.event(event);
                    early = null;
                });
            } else if (e.status) this.tell.status(e.status);
            else if (early) early.push(e);
            else this.tell.event(e);
        };
        source.onerror = () => source === this.source && this.fail();
    }

    async list(source) {
        try {
            const answer = await fetch("/api/series");
            if (!answer.ok) throw new Error(answer.statusText);
            const {series} = await answer.json();
            if (source !== this.source) return;
            this.failures = 0;
            this.tell.list(series);
            this.tell.state("on");
        } catch {
            if (source === this.source) this.fail();
        }
    }

    // An EventSource does not say why: one more request does.
    async fail() {
        this.close();
        const pause = PAUSES[Math.min(this.failures++, PAUSES.length - 1)];
        let status = 0;
        try {
            status = (await fetch("/api/points?i=")).status;
        } catch {
            // It does not answer at all.
        }
        if (status === 401) return location.reload(); // to the log-in
        this.tell.state(status === 200 && this.failures > 2 ? "full" : "lost");
        this.again = setTimeout(() => this.settle(), pause);
    }
}
