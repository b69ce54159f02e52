// Collectors and sinks, as Garnet's own metrics tell of them (docs/operations.md). Counters come as rates: what was counted
// within the ten minutes is their sum over time.

import {count, inOrder, quantity} from "./format.js";

const HARMLESS = new Set(["deselected", "skipped"]);
const LAG_S = 60;

function element(tag, className, text) {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
}

function counted(s) {
    let n = 0;
    for (let i = 0; i < s.t.length; i++) {
        const gap = i ? s.t[i] - s.t[i - 1] : s.t.length > 1 ? s.t[1] - s.t[0] : 0;
        n += s.v[i] * gap / 1000;
    }
    return Math.round(n);
}

function isNow(s) {
    return s.v.length > 0 && s.v[s.v.length - 1] > 0;
}

// subject -> metric's rest -> its series
function bySubject(series, prefix, tag) {
    const found = new Map();
    for (const s of series) {
        const subject = s.tags[tag];
        if (!s.name.startsWith(prefix) || subject === undefined) continue;
        if (!found.has(subject)) found.set(subject, new Map());
        const of = found.get(subject), rest = s.name.slice(prefix.length);
        of.set(rest, [...of.get(rest) ?? [], s]);
    }
    return [...found].sort((a, b) => inOrder(a[0], b[0]));
}

function sums(list = []) {
    return list.map(s => ({why: s.tags.why ?? "", n: counted(s), now: isNow(s)})).filter(x => x.n > 0 || x.now);
}

function newest(of, name) {
    return of.get(name)?.[0].value;
}

function collector([name, of]) {
    const failures = sums(of.get("failures")), missed = sums(of.get("missed")), rejected = sums(of.get("rejected"));
    const notes = [];
    let state = "good";
    const note = (level, text) => {
        notes.push(text);
        if (level === "bad" || state === "good") state = level;
    };
    if (newest(of, "refused")) note("bad", "refused: its file has errors, see the log");
    for (const f of failures) note(f.now ? "bad" : "warn", `${f.why || "failed"} ${count(f.n)}×`);
    if (missed.length) note("warn", `missed ${count(missed[0].n)}`);
    if (rejected.length) note("warn", `rejected ${count(rejected[0].n)} metrics`);
    if (newest(of, "brought_nothing")) note("warn", "has sent no metric");
    return {name, state, cells: [quantity(newest(of, "accepted"), "/s"), quantity(newest(of, "duration"), "s"), notes.join(", ")]};
}

function sink([name, of]) {
    const drops = sums(of.get("dropped")).filter(d => !HARMLESS.has(d.why));
    const lag = newest(of, "lag"), notes = [];
    let state = "good";
    const note = (level, text) => {
        notes.push(text);
        if (level === "bad" || state === "good") state = level;
    };
    if (newest(of, "refused")) note("bad", "refused: see the log");
    if (newest(of, "stalled")) note("bad", "stalled");
    if (lag > LAG_S) note("warn", "lags");
    for (const d of drops) note(d.now ? "bad" : "warn", `${d.why} ${count(d.n)}`);
    return {name, state, cells: [quantity(newest(of, "confirmed"), "/s"), quantity(newest(of, "queued"), ""), quantity(newest(of, "unconfirmed"), ""),
        quantity(lag, "s"), notes.join(", ")]};
}

function table(title, heads, rows) {
    const t = element("table"), head = element("tr"), box = element("div", "scroll");
    head.append(...["", ...heads].map(h => element("th", "", h)));
    t.append(head, ...rows.map(r => {
        const tr = element("tr"), first = element("td");
        first.append(element("span", "dot " + r.state), r.name);
        tr.append(first, ...r.cells.map(c => element("td", "", c)));
        return tr;
    }));
    box.append(t);
    return [element("h2", "", title), box];
}

function verdict(rows, what) {
    const bad = rows.filter(r => r.state === "bad"), warn = rows.filter(r => r.state === "warn");
    const worst = [...bad, ...warn], names = worst.slice(0, 2).map(r => r.name).join(", ") + (worst.length > 2 ? ", …" : "");
    const e = element("span"), level = bad.length ? "bad" : warn.length ? "warn" : "good";
    e.append(element("span", "dot " + level), `${count(rows.length)} ${what}${rows.length === 1 ? "" : "s"}${names ? ": look at " + names : ""}`);
    return e;
}

export class Health {
    constructor(model, toggle, more) {
        Object.assign(this, {model, toggle, more, used: [], version: -1});
        toggle.addEventListener("click", () => {
            more.hidden = !more.hidden;
            toggle.setAttribute("aria-expanded", String(!more.hidden));
            this.draw();
        });
    }

    // The points of all that it tells of are needed.
    use() {
        if (this.version === this.model.version) return;
        this.version = this.model.version;
        const now = [...this.model.series.values()].filter(s => /^garnet\.(collector|sink)\./.test(s.name));
        for (const s of now) this.model.use(s);
        for (const s of this.used) this.model.drop(s);
        this.used = now;
    }

    draw() {
        this.use();
        const collectors = bySubject(this.used, "garnet.collector.", "collector").map(collector);
        const sinks = bySubject(this.used, "garnet.sink.", "sink").map(sink);
        const arrow = element("span", "more", this.more.hidden ? "details" : "close");
        if (!collectors.length && !sinks.length) {
            const none = element("span", "muted");
            none.append(element("span", "dot"), "Nothing is known of collectors and sinks");
            this.toggle.replaceChildren(none, arrow);
            this.more.replaceChildren(element("p", "muted", "Garnet’s own metrics tell of them. There are none here: self_metrics is 0 or has not brought any yet, " +
                "or this sink’s “only” or “drop” keeps garnet.* out."));
            return;
        }
        const series = element("span", "muted", `${count(this.model.series.size)} series`);
        this.toggle.replaceChildren(verdict(collectors, "collector"), verdict(sinks, "sink"), series, arrow);
        if (this.more.hidden) return;
        this.more.replaceChildren(
            ...table("Collectors", ["metrics", "took", "in ten minutes"], collectors),
            ...table("Sinks", ["confirmed", "queued", "unconfirmed", "lag", "in ten minutes"], sinks));
    }
}
