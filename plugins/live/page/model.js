// All series and what is known of them: the newest value of each, and all points of those that somebody looks at.

const KEPT_MS = 11 * 60 * 1000, TRIM = 128;

class Series {
    constructor(raw) {
        this.id = raw.i;
        this.name = raw.n;
        this.unit = raw.u;
        this.type = raw.y;
        this.tags = Object.assign(Object.create(null), raw.g); // so that none has a tag called "constructor" that was not sent
        this.key = JSON.stringify([raw.y, raw.u, raw.n, raw.g]);
        this.newest = raw.t;
        this.value = raw.v;
        this.t = [];
        this.v = [];
        this.users = 0; // who looks at its points
        this.state = "none"; // of its points: none, asked, here
        this.meanwhile = []; // what came while they were asked for
    }

    push(t, v) {
        if (t > this.newest) [this.newest, this.value] = [t, v];
        if (this.state === "asked") this.meanwhile.push([t, v]);
        else if (this.state === "here") this.append(t, v);
    }

    append(t, v) {
        if (this.t.length && t <= this.t[this.t.length - 1] + 5) return; // the server rounds to 10 ms
        this.t.push(t);
        this.v.push(v);
        let old = 0;
        while (old < this.t.length && this.t[old] < t - KEPT_MS) old++;
        if (old >= TRIM) [this.t, this.v] = [this.t.slice(old), this.v.slice(old)];
    }

    take(points) {
        this.t = points.t.map(t => points.b + t);
        this.v = points.v;
        this.state = "here";
        for (const [t, v] of this.meanwhile) this.append(t, v);
        this.meanwhile = [];
    }
}

export class Model {
    constructor() {
        this.series = new Map(); // by id
        this.metrics = new Map(); // by name and unit: {name, unit, series: Set}
        this.version = 0; // of which series there are
        this.wanted = new Set(); // whose points are to be asked for
        this.loading = false;
        this.oldest = Infinity; // of all points that were ever here
        this.onPoints = () => {};
    }

    // The whole anew: of a series that was there already its points are kept until the new ones are here.
    replace(list) {
        const before = new Map([...this.series.values()].map(s => [s.key, s]));
        this.series.clear();
        for (const m of this.metrics.values()) m.series.clear();
        for (const raw of list) {
            const s = this.add(raw), old = before.get(s.key);
            if (!old) continue;
            [s.t, s.v, s.users] = [old.t, old.v, old.users];
            old.successor = s;
            if (s.users) this.want(s);
        }
        for (const [key, m] of this.metrics) if (!m.series.size) this.metrics.delete(key);
        this.version++;
    }

    add(raw) {
        const s = new Series(raw), key = s.name + "\t" + s.unit;
        this.series.set(s.id, s);
        let m = this.metrics.get(key);
        if (!m) this.metrics.set(key, m = {key, name: s.name, unit: s.unit, series: new Set()});
        m.series.add(s);
        this.version++;
        return s;
    }

    remove(id) {
        const s = this.series.get(id), key = s && s.name + "\t" + s.unit, m = s && this.metrics.get(key);
        if (!m) return;
        this.series.delete(id);
        m.series.delete(s);
        if (!m.series.size) this.metrics.delete(key);
        this.version++;
    }

    // An event of the server's: new series, gone ones, and [ms, [id, value, ...], ms, ...].
    apply(event) {
        for (const raw of event.s ?? []) if (!this.series.has(raw.i)) this.add(raw);
        for (const id of event.g ?? []) this.remove(id);
        const p = event.p ?? [];
        for (let i = 0; i < p.length; i += 2)
            for (let k = 0; k < p[i + 1].length; k += 2) this.series.get(p[i + 1][k])?.push(p[i], p[i + 1][k + 1]);
    }

    // From now on its points are needed, until drop().
    use(s) {
        if (s.users++ === 0) this.want(s);
    }

    drop(s) {
        while (s.successor) s = s.successor;
        if (--s.users > 0) return;
        s.users = 0;
        [s.t, s.v, s.meanwhile, s.state] = [[], [], [], "none"];
    }

    want(s) {
        s.state = "asked";
        this.wanted.add(s);
        if (!this.loading) {
            this.loading = true;
            setTimeout(() => this.load(), 20); // with those that are wanted at the same time
        }
    }

    async load() {
        while (this.wanted.size) {
            const some = [...this.wanted].slice(0, 200);
            for (const s of some) this.wanted.delete(s);
            const asked = some.filter(s => s.users && this.series.get(s.id) === s);
            try {
                const answer = await fetch("/api/points?i=" + asked.map(s => s.id).join(","));
                if (!answer.ok) throw new Error(answer.statusText);
                for (const points of await answer.json()) {
                    const s = this.series.get(points.i);
                    if (s && s.users && asked.includes(s)) s.take(points);
                    this.oldest = Math.min(this.oldest, s?.t[0] ?? Infinity);
                }
                this.onPoints();
            } catch {
                break; // the stream breaks, too, and then all is asked for anew
            }
        }
        this.loading = false;
    }
}
